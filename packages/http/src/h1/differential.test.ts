import http from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryTransport } from '../memory-transport.ts';
import { Http1ClientConnection } from './client.ts';
import { different, looser, stricter } from './differences.ts';
import { get, Peer, readBody, Served, text, turns } from './fixtures.ts';

/** What a parser made of some bytes. */
interface Verdict {
  /** Messages that were whole: what they are and their content. */
  readonly messages: string[];
  /** Why the bytes were refused, or null if they were not. */
  refused: string | null;
  /** The bytes ended inside a message: what came before may have been thrown away. */
  cut: boolean;
  /** The connection was ended after the last message: what follows is read by nobody. */
  closed: boolean;
}

const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const header = fc.oneof(
  {
    weight: 4,
    arbitrary: pick('X-A: b', 'Accept: */*', 'X-Empty:', 'X: a, b', 'Cookie: a=b; c="d"', 'x-utf: \xc3\xa9'),
  },
  { weight: 2, arbitrary: pick('Connection: keep-alive', 'Connection: close', 'Transfer-Encoding: chunked') },
  { weight: 2, arbitrary: fc.nat({ max: 12 }).map((length) => `Content-Length: ${length}`) },
  {
    weight: 1,
    arbitrary: pick(
      'Content-Length: 5, 5',
      'Content-Length: +5',
      'Content-Length: 0x5',
      'Content-Length: 00005',
      'Content-Length:',
      'Content-Length: 99999999999999999999999',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: chunked, gzip',
      'Transfer-Encoding: chunked,',
      'Transfer-Encoding:\tchunked\t',
      'Transfer-Encoding : chunked',
      'Transfer-Encoding: xchunked',
      'X: a\r\n folded',
      'X y: z',
      ': z',
      'no colon',
      'X: a\rb',
      'X: a\nb',
      'X: a\0b',
    ),
  },
);

const chunk = pick('hello', 'x', 'a\r\nb', '0123456789abcdef');
const chunked = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    pick('', '', ';a=b', ';a="b"', ' ', ' ;a', ';', '\t'),
    pick(
      '0\r\n\r\n',
      '0\r\n\r\n',
      '0\r\nX-T: 1\r\n\r\n',
      '0\r\nContent-Length: 1\r\n\r\n',
      '00\r\n\r\n',
      '0\n\r\n',
      '',
    ),
  )
  .map(([chunks, extension, end]) => {
    return chunks.map((data) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`).join('') + end;
  });

const content = fc.oneof(pick('', 'hello', 'hello world!', '0\r\n\r\n'), chunked);

/** Changes single characters, where the nastiest are the likeliest. */
function mutate(text: string, mutations: [number, number, string][]): string {
  let changed = text;
  for (const [kind, where, char] of mutations) {
    const at = where % (changed.length + 1);
    if (kind === 0) changed = changed.slice(0, at) + char + changed.slice(at);
    else if (kind === 1) changed = changed.slice(0, at) + changed.slice(at + 1);
    else changed = changed.slice(0, at) + char + changed.slice(at + 1);
  }
  return changed;
}

const mutations = fc.array(
  fc.tuple(
    fc.nat({ max: 2 }),
    fc.nat({ max: 400 }),
    pick(
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      '\0',
      ':',
      ';',
      ',',
      '0',
      '5',
      'f',
      'g',
      'X',
      '\x7f',
      '\xe9',
      '\x0b',
      '-',
      '+',
      '"',
      '/',
      '#',
    ),
  ),
  { maxLength: 2 },
);

const requestText = fc
  .array(
    fc
      .tuple(
        pick('GET', 'POST', 'PUT', 'OPTIONS', 'HEAD'),
        pick('/', '/a?b=c', '/%20', 'http://h/p', 'http://h', '*', '/a|b', '/a"b'),
        pick('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
        fc.array(header, { maxLength: 4 }),
        content,
      )
      .map(([method, target, version, headers, body]) => {
        return `${method} ${target} ${version}\r\nHost: h\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
      }),
    { minLength: 1, maxLength: 2 },
  )
  .map((messages) => messages.join(''));

const responseText = fc
  .tuple(
    pick(
      'HTTP/1.1 200 OK',
      'HTTP/1.1 404 Not Found',
      'HTTP/1.1 204 No Content',
      'HTTP/1.1 200',
      'HTTP/1.0 200 OK',
      'HTTP/1.1 304 x',
      'HTTP/1.1 200 ',
    ),
    fc.array(header, { maxLength: 4 }),
    content,
  )
  .map(([line, headers, body]) => `${line}\r\n${headers.map((field) => `${field}\r\n`).join('')}\r\n${body}`);

/** Writes everything, ends, and waits until the other side has said all that it will. */
async function finish(duplex: Duplex, bytes: Buffer): Promise<void> {
  duplex.on('error', () => {});
  duplex.resume();
  duplex.end(bytes);
  await turns(8);
  duplex.destroy();
}

async function llhttpRequests(bytes: Buffer): Promise<Verdict> {
  const verdict: Verdict = { messages: [], refused: null, cut: false, closed: false };
  const server = http.createServer({ requireHostHeader: false, insecureHTTPParser: false }, (request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => {
      body += data.toString('latin1');
    });
    request.on('error', () => {});
    request.on('end', () => {
      verdict.messages.push(`${request.method} ${pathOf(request.url ?? '')} ${body}`);
      response.end();
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException & { reason?: string }, socket) => {
    // The end of the input in the middle of a message is not a verdict on its bytes.
    const cut = error.code === 'HPE_INVALID_EOF_STATE' || error.code === 'ECONNRESET';
    if (cut) verdict.cut = true;
    else verdict.refused ??= `${error.code}: ${error.reason}`;
    socket.destroy();
  });
  Object.assign(server, { httpAllowHalfOpen: true });
  const [near, far] = duplexPair();
  server.emit('connection', far);
  await finish(near, bytes);
  server.closeAllConnections();
  return verdict;
}

/** Absolute and origin form of the same thing. */
function pathOf(url: string): string {
  const slash = url.startsWith('http://') ? url.indexOf('/', 7) : 0;
  return slash < 0 ? '/' : url.slice(slash);
}

async function ourRequests(bytes: Buffer): Promise<Verdict> {
  const messages: string[] = [];
  const served = new Served((request, reply) => {
    readBody(request.body, (body) => {
      if (body.end !== 'end') return;
      const { method, authority, path } = request;
      messages.push(`${method} ${authority !== '' && path === '*' ? '/' : path} ${body.text}`);
      reply.respond(text(200, ''));
    });
  });
  served.peer.write(bytes);
  served.peer.transport.end();
  await turns(8);
  served.connection.destroy(new Error('over'));
  const last = served.peer.text.lastIndexOf('HTTP/1.1 ');
  const refused = last >= 0 && !served.peer.text.startsWith('HTTP/1.1 200', last);
  const reason = served.peer.text.slice(served.peer.text.indexOf('\r\n\r\n', last) + 4);
  return {
    messages,
    refused: refused ? reason : null,
    cut: !refused && messages.length === 0,
    closed: !refused && served.peer.text.includes('connection: close'),
  };
}

async function llhttpResponse(bytes: Buffer): Promise<Verdict> {
  const verdict: Verdict = { messages: [], refused: null, cut: false, closed: false };
  const [near, far] = duplexPair();
  const refuse = (error: NodeJS.ErrnoException & { reason?: string }): void => {
    if (!error.code?.startsWith('HPE_') || error.code === 'HPE_INVALID_EOF_STATE') verdict.cut = true;
    else {
      verdict.refused ??= `${error.code}: ${error.reason}`;
    }
  };
  const request = http.get({ host: 'h', path: '/', createConnection: () => near as never });
  request.on('error', refuse);
  request.on('response', (response) => {
    let body = '';
    response.on('data', (data: Buffer) => {
      body += data.toString('latin1');
    });
    response.on('error', refuse);
    response.on('end', () => verdict.messages.push(`${response.statusCode} ${body}`));
  });
  await turns(2);
  await finish(far, bytes);
  request.destroy();
  return verdict;
}

async function ourResponse(bytes: Buffer): Promise<Verdict> {
  const verdict: Verdict = { messages: [], refused: null, cut: false, closed: false };
  const [near, far] = MemoryTransport.pair();
  const client = new Http1ClientConnection(near);
  const refuse = (error: Error): void => {
    if (error.name === 'MalformedMessage') verdict.refused ??= error.message;
    else verdict.cut = true;
  };
  client.send(
    get(),
    {
      onResponse({ status, body }) {
        if (body === null || Buffer.isBuffer(body)) {
          verdict.messages.push(`${status} ${body === null ? '' : body.toString('latin1')}`);
          return;
        }
        let content = '';
        body.read({
          onData(data) {
            content += data.toString('latin1');
          },
          onTrailers() {},
          onEnd: () => verdict.messages.push(`${status} ${content}`),
          onError: refuse,
        });
      },
      onUpgrade() {},
      onInform() {},
      onError: refuse,
    },
    null,
  );
  const peer = new Peer(far);
  peer.write(bytes);
  far.end();
  await turns(8);
  return verdict;
}

/** True if one list begins with the other. */
function agree(one: string[], other: string[]): boolean {
  const length = Math.min(one.length, other.length);
  return one.slice(0, length).join('\n') === other.slice(0, length).join('\n');
}

/** Says what is not explained about two verdicts, or null. Both refusing is agreement, whatever came before. */
function unexplained(input: string, ours: Verdict, theirs: Verdict): string | null {
  const detail = JSON.stringify({ input, ours, theirs });
  if (Object.keys(different).some((key) => input.includes(key))) return null;
  if (!agree(ours.messages, theirs.messages)) return `different messages: ${detail}`;
  if (ours.cut || theirs.cut) return null;
  if (ours.closed && ours.messages.length <= theirs.messages.length) return null;
  if (ours.closed && theirs.refused !== null) return null;
  if (ours.refused !== null && theirs.refused === null) {
    return ours.refused in stricter ? null : `refused only here: ${ours.refused}: ${detail}`;
  }
  if (ours.refused === null && theirs.refused !== null) {
    return theirs.refused in looser ? null : `refused only by llhttp: ${theirs.refused}: ${detail}`;
  }
  if (ours.refused === null && ours.messages.length !== theirs.messages.length) return `silently different: ${detail}`;
  return null;
}

test('requests: what llhttp takes for a message is the same message here, or refused for a listed reason', async () => {
  await fc.assert(
    fc.asyncProperty(requestText, mutations, async (valid, changes) => {
      const input = mutate(valid, changes);
      const bytes = Buffer.from(input, 'latin1');
      const [ours, theirs] = await Promise.all([ourRequests(bytes), llhttpRequests(bytes)]);
      expect(unexplained(input, ours, theirs)).toBeNull();
    }),
    { seed: 9112, numRuns: 3000, endOnFailure: true },
  );
});

test('responses: the same', async () => {
  await fc.assert(
    fc.asyncProperty(responseText, mutations, async (valid, changes) => {
      const input = mutate(valid, changes);
      const bytes = Buffer.from(input, 'latin1');
      const [ours, theirs] = await Promise.all([ourResponse(bytes), llhttpResponse(bytes)]);
      expect(unexplained(input, ours, theirs)).toBeNull();
    }),
    { seed: 9110, numRuns: 2000, endOnFailure: true },
  );
});
