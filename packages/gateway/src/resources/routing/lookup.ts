import type { Headers } from '@agentgateway/http';
import { fromBytes } from './text.ts';

/** What of a normalised request decides on its route. */
export interface RouteQuery {
  /** Lower case, without port and trailing dot. */
  readonly host: string;
  /** `host[:port]`. */
  readonly authority: string;
  readonly scheme: string;
  readonly method: string;
  /** Path and query; ignored for CONNECT, whose path counts as `/`. */
  readonly path: string;
  readonly headers: Headers;
}

/** One search for a route: the request, and what is read out of it only when a route asks. */
export class Lookup {
  readonly request: RouteQuery;
  /** Without the query, bytes as they came. */
  readonly path: string;
  #pathText: string | null = null;
  #query: URLSearchParams | null = null;

  constructor(request: RouteQuery) {
    this.request = request;
    this.path = pathOf(request);
  }

  /** The path as text, for regular expressions. */
  get pathText(): string {
    this.#pathText ??= fromBytes(this.path);
    return this.#pathText;
  }

  /** Every form-decoded value of a parameter. */
  queryValues(name: string): string[] {
    if (this.#query === null) {
      const { path, method } = this.request;
      const mark = method === 'CONNECT' ? -1 : path.indexOf('?');
      this.#query = new URLSearchParams(mark < 0 ? '' : fromBytes(path.slice(mark + 1)));
    }
    return this.#query.getAll(name);
  }
}

function pathOf({ method, path }: RouteQuery): string {
  if (method === 'CONNECT') return '/';
  const mark = path.indexOf('?');
  return mark < 0 ? path : path.slice(0, mark);
}
