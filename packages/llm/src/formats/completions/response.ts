import { scanObject } from '../../json-scan.ts';
import { textOf, type Usage } from '../../usage.ts';
import { readCompletionsUsage } from './usage.ts';

/** What the gateway reads of an answer, plain or streamed. */
export interface CompletionsAnswer {
  readonly model: string | null;
  readonly serviceTier: string | null;
  /** Null if the provider did not say. */
  readonly usage: Usage | null;
}

/**
 * Reads a plain answer; its bytes go on as they are.
 *
 * @throws JsonScanError if it is no JSON object.
 */
export function readCompletionsResponse(bytes: Buffer): CompletionsAnswer {
  const object = scanObject(bytes);
  return {
    model: textOf(object.value('model')),
    serviceTier: textOf(object.value('service_tier')),
    usage: readCompletionsUsage(object.value('usage')),
  };
}
