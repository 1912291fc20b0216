import { Fields, type Program, type Value } from '@agentgateway/cel';
import { Headers, type Request, type Response } from '@agentgateway/http';
import type { Exchange } from '../../pipeline/exchange.ts';
import {
  appendRequestHeader,
  appendResponseHeader,
  isPseudo,
  removeRequestHeader,
  removeResponseHeader,
  setRequestHeader,
  setResponseHeader,
  setStatus,
} from '../../pipeline/header-mutation.ts';
import type { ExpressionValues, Ports } from '../../pipeline/step.ts';
import { toBytes } from '../../resources/routing/text.ts';
import type { TransformationSpec } from './spec.ts';

/** How the fields of one kind of message are changed. */
export interface Side<Message extends Request | Response> {
  set(message: Message, name: string, value: string): boolean;
  append(message: Message, name: string, value: string): boolean;
  remove(message: Message, name: string): boolean;
  /** False where the message has no status. */
  setStatus(message: Message, status: number): boolean;
}

export const requestSide: Side<Request> = {
  set: setRequestHeader,
  append: appendRequestHeader,
  remove: removeRequestHeader,
  setStatus: () => false,
};

export const responseSide: Side<Response> = {
  set: setResponseHeader,
  append: appendResponseHeader,
  remove: removeResponseHeader,
  setStatus,
};

/**
 * Compiles `replace`, `add`, `set` and `remove`, which run in this order. A value that fails, or that is neither a text nor bytes, takes
 * the field away: what the client sent under a name that the gateway means to fill must not pass for the gateway's (spec 04 §6). The first
 * line, which cannot go, stays as it is.
 */
export function compileHeaders<Message extends Request | Response>(
  spec: TransformationSpec,
  ports: Ports,
  side: Side<Message>,
): (exchange: Exchange, message: Message) => void {
  const replace = spec.replace === undefined ? null : ports.expression(spec.replace);
  const edits: Edit<Message>[] = [
    ...spec.add.map(([name, value]) => ({ name, program: ports.expression(value), write: side.append })),
    ...spec.set.map(([name, value]) => ({ name, program: ports.expression(value), write: side.set })),
  ];
  const { remove } = spec;
  const { values } = ports;
  return (exchange, message) => {
    if (replace !== null) replaceAll(replace.evaluate(exchange.variables), message, side, values);
    for (let i = 0; i < edits.length; i++) {
      const { name, program, write } = edits[i] as Edit<Message>;
      const value = program.evaluate(exchange.variables);
      if (name === ':status') {
        const status = values.integerOf(value);
        if (status !== null) side.setStatus(message, status);
        continue;
      }
      const bytes = values.bytesOf(value);
      if ((bytes === null || !write(message, name, bytes)) && !isPseudo(name)) side.remove(message, name);
    }
    for (let i = 0; i < remove.length; i++) side.remove(message, remove[i] as string);
  };
}

interface Edit<Message> {
  readonly name: string;
  readonly program: Program;
  readonly write: (message: Message, name: string, value: string) => boolean;
}

/** The fields of the map in the place of all; values that cannot be sent are left out, and what is no map changes nothing. */
function replaceAll<Message extends Request | Response>(
  value: Value,
  message: Message,
  side: Side<Message>,
  values: ExpressionValues,
): void {
  if (!(value instanceof Fields)) return;
  // The map may be a view of the very fields that are replaced.
  const entries: [name: string, value: string][] = [];
  for (const key of value.keys()) {
    if (typeof key !== 'string' || isPseudo(key)) continue;
    const given = value.get(key) ?? null;
    for (const one of Array.isArray(given) ? (given as readonly Value[]) : [given]) {
      const text = one instanceof Uint8Array ? null : values.scalarOf(one);
      if (text !== null) entries.push([key, toBytes(text)]);
    }
  }
  message.headers = new Headers();
  for (const [name, text] of entries) side.append(message, name, text);
}
