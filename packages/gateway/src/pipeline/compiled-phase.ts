import { noNeeds, type PhaseNeeds } from './needs.ts';
import type { PlacedResponseStep, Step } from './step.ts';

/** The steps of one phase of one plan. */
export interface CompiledPhase {
  readonly steps: readonly Step[];
  /** In the order of their rows. */
  readonly responseSteps: readonly PlacedResponseStep[];
  /** Of all expressions of the phase's policies, those of their responses and conditions included. */
  readonly needs: PhaseNeeds;
}

/** Of a phase without policies. */
export const noSteps: CompiledPhase = { steps: [], responseSteps: [], needs: noNeeds };
