import type { ServerDuplexStream } from '@grpc/grpc-js';
import { extProc, type GrpcService, type Plain } from './grpc-services.ts';

export type Call = ServerDuplexStream<Plain, Plain>;

/** What a processor says to a message: one answer, several, or none. */
export type Script = (part: string, message: Plain, call: Call) => Plain | readonly Plain[] | undefined;

/** A processor that answers messages by a script, and ends its stream when the gateway has. */
export function processor(script: Script): Promise<GrpcService> {
  return extProc((call) => {
    call.on('data', (message: Plain) => {
      const answer = script(message.request as string, message, call);
      if (answer === undefined) return;
      for (const one of Array.isArray(answer) ? answer : [answer]) call.write(one);
    });
    call.on('end', () => call.end());
  });
}

/** Answers every message with nothing to change; bodies in full duplex come back as they are. */
export const unchanged: Script = (part, message) => {
  switch (part) {
    case 'request_body':
    case 'response_body':
      return streamed(part, bodyOf(message), ends(message));
    default:
      return { [part]: {} };
  }
};

/** An answer to a body in full duplex. */
export function streamed(part: string, body: Buffer | string, end = false): Plain {
  const streamed_response = { body: Buffer.from(body), end_of_stream: end };
  return { [part]: { response: { body_mutation: { streamed_response } } } };
}

/** An answer that puts another body in the place of a buffered one. */
export function replaced(part: string, body: string, header_mutation: Plain = {}): Plain {
  return { [part]: { response: { header_mutation, body_mutation: { body: Buffer.from(body) } } } };
}

/** An answer that changes header fields. */
export function changed(part: string, set: Readonly<Record<string, string>>, remove: readonly string[] = []): Plain {
  return { [part]: { response: { header_mutation: mutation(set, remove) } } };
}

export function mutation(set: Readonly<Record<string, string>>, remove: readonly string[] = []): Plain {
  const set_headers = Object.entries(set).map(([key, value]) => ({ header: { key, raw_value: Buffer.from(value) } }));
  return { set_headers, remove_headers: remove };
}

/** The fields of a message's head or trailers, values as text. */
export function headOf(message: Plain | undefined): Record<string, string> {
  type Fields = { headers: { key: string; value: string; raw_value?: Buffer }[] };
  const part = message?.[message.request as string] as { headers?: Fields; trailers?: Fields } | undefined;
  const fields = (part?.headers ?? part?.trailers)?.headers ?? [];
  return Object.fromEntries(
    fields.map(({ key, value, raw_value }) => [key, value || (raw_value?.toString('latin1') ?? '')]),
  );
}

export function bodyOf(message: Plain): Buffer {
  return (message[message.request as string] as { body?: Buffer }).body ?? Buffer.alloc(0);
}

export function ends(message: Plain): boolean {
  return (message[message.request as string] as { end_of_stream?: boolean }).end_of_stream === true;
}

/** What the processor was sent, in order: `request_headers`, and `…!` for the end of a stream. */
export function parts(service: GrpcService): string[] {
  return service.requests.map((message) => `${message.request as string}${ends(message) ? '!' : ''}`);
}
