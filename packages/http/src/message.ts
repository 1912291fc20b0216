import type { Body } from './body.ts';
import type { Headers } from './headers.ts';

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0';

/**
 * A request as the pipeline sees it, whatever version carried it.
 *
 * `authority` is empty for an HTTP/1 request in origin form: its `host` field is still among the headers then, and it is
 * the gateway's normalising that moves it. HTTP/2 pseudo header fields are the fields of this object, never headers.
 * Framing fields of HTTP/1 (`content-length`, `transfer-encoding`) are left in `headers` by the reader and ignored by the
 * writer, which frames from `body`.
 */
export class Request {
  method: string;
  /** `http`, `https`, or empty where the request line did not say. */
  scheme: string;
  /** `host[:port]`, or empty where the request line did not say. */
  authority: string;
  /** Path and query, as received; `*` for an asterisk-form; empty for CONNECT. */
  path: string;
  version: HttpVersion;
  headers: Headers;
  body: Body;

  constructor(
    method: string,
    scheme: string,
    authority: string,
    path: string,
    version: HttpVersion,
    headers: Headers,
    body: Body,
  ) {
    this.method = method;
    this.scheme = scheme;
    this.authority = authority;
    this.path = path;
    this.version = version;
    this.headers = headers;
    this.body = body;
  }
}

/** A final response (never 1xx, except 101 where a request was upgraded). */
export class Response {
  status: number;
  headers: Headers;
  body: Body;
  /** The version it came in; what it is sent in depends on the receiver. */
  version: HttpVersion;

  constructor(status: number, headers: Headers, body: Body, version: HttpVersion = 'HTTP/1.1') {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.version = version;
  }
}
