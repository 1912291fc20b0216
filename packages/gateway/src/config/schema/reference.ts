import { z } from 'zod';
import { closed, exactlyOne, maybe } from './closed.ts';
import { name, targetOrUrl } from './fields.ts';
import { notYet } from './not-yet.ts';

let calloutPolicies = (): z.ZodType<unknown> => {
  throw new Error('the policies of services were not loaded');
};

/** Called by the module of all policies: some of them name services, and their modules are loaded before it. */
export function provideCalloutPolicies(schema: () => z.ZodType<unknown>): void {
  calloutPolicies = schema;
}

/** Policies may name backends whose policies name backends: the schema is asked for when it is used, and typed by whoever reads it. */
const policies = z.lazy(() => calloutPolicies());

/** The fields that name a service inside of a policy (spec 03 §3.3); a policy's schema spreads them among its own. */
export const referenceFields = {
  host: targetOrUrl().optional(),
  backend: name().optional(),
  policies: maybe(policies),
};

/** Members of a policy with {@link referenceFields} that are not built. */
export const referenceLater: readonly string[] = notYet.simpleBackend;

/** Checks that a policy with {@link referenceFields} names one service. */
export const oneReference = exactlyOne(['host', 'backend']);

/** A service that stands for itself. */
export const referenceSchema = closed(referenceFields, referenceLater).check(oneReference);

/** What {@link referenceFields} read. */
export type ReferenceOptions = z.output<typeof referenceSchema>;
