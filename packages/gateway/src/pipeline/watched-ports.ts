import { joinNeeds, noNeeds, type PhaseNeeds } from './needs.ts';
import type { Ports } from './step.ts';

/** Notes what the expressions read that policies compile through their ports. */
export class WatchedPorts {
  readonly #ports: (spec: unknown) => Ports;
  readonly #bySpec = new Map<unknown, Ports>();
  #needs: PhaseNeeds = noNeeds;

  constructor(ports: (spec: unknown) => Ports) {
    this.#ports = ports;
  }

  get needs(): PhaseNeeds {
    return this.#needs;
  }

  /** The ports of one specification: the same for its request side and its response side. */
  of(spec: unknown): Ports {
    let watched = this.#bySpec.get(spec);
    if (watched === undefined) {
      const ports = this.#ports(spec);
      watched = Object.assign(Object.create(ports) as Ports, {
        expression: (...[expression, response]: Parameters<Ports['expression']>) => {
          const program = ports.expression(expression);
          const needs = ports.needsOf(program);
          this.#needs = joinNeeds(this.#needs, response === 'service' ? { ...needs, responseBody: false } : needs);
          return program;
        },
      });
      this.#bySpec.set(spec, watched);
    }
    return watched;
  }
}
