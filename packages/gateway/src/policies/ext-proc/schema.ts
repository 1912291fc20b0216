import { z } from 'zod';
import type { Path } from '../../config/path.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import type { MaybeConditional } from '../../config/schema/conditional.ts';
import { expression } from '../../config/schema/expression.ts';
import { oneReference, type ReferenceOptions, referenceFields, referenceLater } from '../../config/schema/reference.ts';
import type { BackendReference } from '../../resources/model.ts';
import type { ExtProcSpec } from './spec.ts';

const bodyMode = () =>
  z
    .enum(['none', 'buffered', 'bufferedPartial', 'fullDuplexStreamed'])
    .default('fullDuplexStreamed')
    .describe('How the body reaches the processor; it is sent as it is on the wire, compressed or not.');

const sendMode = () => z.enum(['send', 'skip']).default('send');

const expressions = () => z.record(z.string(), expression());

const processingOptions = closed({
  requestBodyMode: bodyMode(),
  responseBodyMode: bodyMode(),
  requestHeaderMode: sendMode(),
  responseHeaderMode: sendMode(),
  requestTrailerMode: sendMode(),
  responseTrailerMode: sendMode(),
  allowModeOverride: z.boolean().default(false).describe('Lets the processor change what it is sent.'),
});

/** `extProc` in the file (spec 03 §5.3). */
export const extProcSchema = closed(
  {
    ...referenceFields,
    failureMode: z
      .enum(['failClosed', 'failOpen'])
      .default('failClosed')
      .describe('What becomes of a request that the processor cannot be asked about.'),
    metadataContext: maybe(z.record(z.string(), expressions())),
    requestAttributes: maybe(expressions()),
    responseAttributes: maybe(expressions()),
    processingOptions: maybe(processingOptions),
  },
  referenceLater,
).check(oneReference);

type Options = z.output<typeof extProcSchema>;

/** Resolves the service that a policy at a path names. */
interface References {
  reference(options: ReferenceOptions, path: Path): BackendReference;
}

/** What the file says at `path`, as a resource. */
export function extProcPolicy(given: MaybeConditional<Options>, path: Path, references: References) {
  const kind = 'extProc';
  if ('options' in given) return { kind, spec: extProcSpec(given.options, path, references) } as const;
  const entries = given.entries.map(({ condition, options }, index) => ({
    condition,
    spec: extProcSpec(options, [...path, 'conditional', index], references),
  }));
  return { kind, entries } as const;
}

function extProcSpec(options: Options, path: Path, references: References): ExtProcSpec {
  const target = references.reference(options, path);
  const modes = options.processingOptions ?? processingOptions.parse({});
  return {
    target,
    failureMode: options.failureMode,
    metadataContext: options.metadataContext ?? {},
    requestAttributes: options.requestAttributes ?? {},
    responseAttributes: options.responseAttributes ?? {},
    request: {
      headers: modes.requestHeaderMode === 'send',
      body: modes.requestBodyMode,
      trailers: modes.requestTrailerMode === 'send',
    },
    response: {
      headers: modes.responseHeaderMode === 'send',
      body: modes.responseBodyMode,
      trailers: modes.responseTrailerMode === 'send',
    },
    allowModeOverride: modes.allowModeOverride,
  };
}
