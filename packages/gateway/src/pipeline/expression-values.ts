import { CelError, Double, Duration, toJson, Uint } from '@agentgateway/cel';
import { toBytes } from '../resources/routing/text.ts';
import type { ExpressionValues } from './step.ts';

/** What the uses of expressions make of values (spec 04 §6). */
export const expressionValues: ExpressionValues = {
  contentOf(value) {
    if (value instanceof CelError) return null;
    if (typeof value === 'string') return Buffer.from(value, 'utf8');
    if (value instanceof Uint8Array) return bufferOf(value);
    const json = toJson(value);
    return json instanceof CelError ? null : Buffer.from(json, 'utf8');
  },

  bytesOf(value) {
    if (typeof value === 'string') return toBytes(value);
    return value instanceof Uint8Array ? bufferOf(value).toString('latin1') : null;
  },

  scalarOf(value) {
    switch (typeof value) {
      case 'string':
        return value;
      case 'boolean':
      case 'number':
      case 'bigint':
        return String(value);
    }
    if (value instanceof Uint || value instanceof Double) return String(value.value);
    return value instanceof Uint8Array ? bufferOf(value).toString('utf8') : null;
  },

  integerOf(value) {
    if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
    return value instanceof Uint ? Number(value.value) : null;
  },

  millisecondsOf(value) {
    if (value instanceof Duration) return value.milliseconds;
    return value instanceof Double ? value.value : expressionValues.integerOf(value);
  },
};

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
