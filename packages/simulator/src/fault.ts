/** Ways in which an answer can go wrong. */
export type FaultKind =
  /** The connection closes without an answer. */
  | 'refuse'
  /** No answer, ever. */
  | 'hang'
  /** The connection ends after `at` bytes of the body. */
  | 'cut'
  /** The connection is reset after `at` bytes of the body. */
  | 'reset'
  /** Nothing comes after `at` bytes of the body; the connection stays. */
  | 'stall'
  /** A chunk in the middle is no JSON; a plain answer breaks off, its HTTP message is whole. */
  | 'malformed'
  /** The stream ends behind the malformed chunk, its HTTP message is whole. */
  | 'malformed-end'
  /** The stream ends without `[DONE]`. */
  | 'no-done'
  /** The stream ends without finish reason and `[DONE]`, its HTTP message is whole. */
  | 'early-end'
  /** The stream ends with an error event in the middle. */
  | 'error-event'
  | '429'
  | '500'
  /** Every first of two requests for the model is answered with 500. */
  | '500-once'
  | '503';

/** How a 429 says when to come again. */
export type RetryForm = 'seconds' | 'date' | 'ms' | 'reset' | 'none';

export interface Fault {
  readonly kind: FaultKind;
  /** Bytes of the body that are sent before it happens; default half of it. */
  readonly at?: number;
  /** Of a 429; default `seconds`. */
  readonly retry?: RetryForm;
}

const kinds: readonly FaultKind[] = [
  'refuse',
  'hang',
  'cut',
  'reset',
  'stall',
  'malformed',
  'malformed-end',
  'no-done',
  'early-end',
  'error-event',
  '429',
  '500-once',
  '500',
  '503',
];
const retryForms: readonly RetryForm[] = ['seconds', 'date', 'ms', 'reset', 'none'];

/**
 * Reads a fault as the header `x-sim-fault` has it: `cut;at=120`, `429;retry=date`, `hang`.
 *
 * @throws Error that says what is allowed.
 */
export function parseFault(text: string): Fault {
  const [kind = '', ...parameters] = text.split(';').map((part) => part.trim());
  let fault: Fault = { kind: kindOf(kind) };
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=').map((part) => part.trim());
    if (name === 'at' && /^\d+$/.test(value)) fault = { ...fault, at: Number(value) };
    else if (name === 'retry') fault = { ...fault, retry: retryFormOf(value) };
    else throw new Error(`fault parameter '${parameter}': expected at=BYTES or retry=${retryForms.join('|')}`);
  }
  return fault;
}

/** The fault that a model's name asks for: `sim-cut-120`, `sim-429-seconds`, `sim-hang`. Null for any other name. */
export function faultOfModel(model: string): Fault | null {
  if (!model.startsWith('sim-')) return null;
  const text = model.slice('sim-'.length);
  const kind = kinds.find((name) => text === name) ?? kinds.find((name) => text.startsWith(`${name}-`));
  if (kind === undefined) return null;
  const parameter = text.slice(kind.length + 1);
  if (parameter === '') return { kind };
  if (kind === '429') {
    const retry = retryForms.find((form) => form === parameter);
    return retry === undefined ? null : { kind, retry };
  }
  return /^\d+$/.test(parameter) ? { kind, at: Number(parameter) } : null;
}

function kindOf(text: string): FaultKind {
  const kind = kinds.find((name) => name === text);
  if (kind === undefined) throw new Error(`fault '${text}': expected one of ${kinds.join(', ')}`);
  return kind;
}

function retryFormOf(text: string): RetryForm {
  const form = retryForms.find((name) => name === text);
  if (form === undefined) throw new Error(`retry '${text}': expected one of ${retryForms.join(', ')}`);
  return form;
}
