import { type Activation, CelError, Double, Flattened, toJson, toNative, Uint, type Value } from '@agentgateway/cel';
import type { Attribute, AttributeValue } from './otlp/model.ts';

/** The variables of an expression that is evaluated for no request (spec 10 §2.3, `resources`). */
export const noVariables: Activation = {
  request: null,
  response: null,
  source: null,
  destination: null,
  proxy: null,
  env: null,
  jwt: null,
  apiKey: null,
  basicAuth: null,
  extauthz: null,
  extproc: null,
  metadata: null,
  llm: null,
  llmRequest: null,
  mcp: null,
  mcpGuardrails: null,
  backend: null,
};

/**
 * What a value becomes as an attribute (spec 10 §5.6): texts and numbers as they are, everything else as JSON; nothing for null and
 * errors. A flattened value becomes several.
 *
 * @param booleans Whether they stay as they are.
 */
export function addAttribute(list: Attribute[], name: string, value: Value, booleans: boolean): void {
  if (value instanceof Flattened) {
    for (const [inner, field] of value.fields(name)) addAttribute(list, inner, field, booleans);
    return;
  }
  const attribute = attributeValue(value, booleans);
  if (attribute !== null) list.push([name, attribute]);
}

function attributeValue(value: Value, booleans: boolean): AttributeValue | null {
  if (value === null || value instanceof CelError) return null;
  if (typeof value === 'boolean') return booleans ? value : String(value);
  if (value instanceof Double) return { double: value.value };
  if (value instanceof Uint) return value.value;
  const plain = toNative(value);
  if (plain === null || plain instanceof CelError) return null;
  if (typeof plain !== 'object') return plain;
  const text = toJson(value);
  return text instanceof CelError ? null : text;
}

/**
 * How likely a sampling expression's value makes a trace, from 0 to 1 (spec 10 §5.4): a boolean is all or nothing, a number is clamped,
 * everything else is never.
 */
export function probability(value: Value): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Double) return Number.isNaN(value.value) ? 0 : clamp(value.value);
  const whole = value instanceof Uint ? value.value : value;
  return typeof whole === 'number' || typeof whole === 'bigint' ? clamp(Number(whole)) : 0;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
