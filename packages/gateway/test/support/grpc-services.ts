import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A message in the names of the `.proto` files: fields that are not set are absent, enums are names, 64-bit integers text, bytes buffers. */
export type Plain = { readonly [field: string]: unknown };

/** Answers a call; what it throws becomes a status, with its `code` if it has one. May wait, or never answer. */
export type UnaryHandler = (request: Plain, call: ServerUnaryCall<Plain, Plain>) => Plain | Promise<Plain>;

/** Is given every stream: `on('data')`, `write`, `end`. */
export type StreamHandler = (call: ServerDuplexStream<Plain, Plain>) => void;

/** A gRPC service on grpc-js, which shares no code with the gateway, on a free port. */
export class GrpcService implements AsyncDisposable {
  /** Messages that were received, in order, of all calls. */
  readonly requests: Plain[] = [];
  /** Metadata of every call. */
  readonly metadata: Metadata[] = [];
  port = 0;
  readonly #server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  #cancelled = 0;
  #waiting: { readonly enough: () => boolean; readonly resolve: () => void }[] = [];

  static async unary(
    proto: string,
    service: string,
    method: string,
    handler: UnaryHandler,
    credentials = ServerCredentials.createInsecure(),
  ): Promise<GrpcService> {
    const own = new GrpcService();
    return own.#start(credentials, proto, service, method, ((
      call: ServerUnaryCall<Plain, Plain>,
      done: (error: unknown, answer?: Plain) => void,
    ) => {
      const life = own.#note(call);
      own.#received(call.request);
      const answer = async () => handler(call.request, call);
      answer()
        .finally(() => {
          life.over = true;
        })
        .then((message) => done(null, message), done);
    }) as UntypedHandleCall);
  }

  static async stream(proto: string, service: string, method: string, handler: StreamHandler): Promise<GrpcService> {
    const own = new GrpcService();
    return own.#start(ServerCredentials.createInsecure(), proto, service, method, ((
      call: ServerDuplexStream<Plain, Plain>,
    ) => {
      const life = own.#note(call);
      const over = () => {
        life.over = true;
      };
      call.on('error', over).on('finish', over);
      handler(call);
      call.on('data', (message: Plain) => own.#received(message));
    }) as UntypedHandleCall);
  }

  /** `host:port`, as a policy names it. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Calls that the client gave up. */
  get cancelled(): number {
    return this.#cancelled;
  }

  /** Resolves when so many messages have come in all. */
  received(count: number): Promise<void> {
    return this.#when(() => this.requests.length >= count);
  }

  /** Resolves when so many calls were given up in all. */
  givenUp(count: number): Promise<void> {
    return this.#when(() => this.#cancelled >= count);
  }

  /** Ends every connection at once, and answers no more. */
  die(): void {
    this.#server.forceShutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.die();
  }

  async #start(
    credentials: ServerCredentials,
    proto: string,
    service: string,
    method: string,
    handler: UntypedHandleCall,
  ): Promise<GrpcService> {
    this.#server.addService(definition(proto, service), { [method]: handler });
    const bind = Promise.withResolvers<number>();
    this.#server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
      error === null ? bind.resolve(port) : bind.reject(error),
    );
    this.port = await bind.promise;
    return this;
  }

  /** grpc-js tells the end of every call as its cancelling. */
  #note(call: { readonly metadata: Metadata; on(event: 'cancelled', listener: () => void): unknown }) {
    this.metadata.push(call.metadata);
    const life = { over: false };
    call.on('cancelled', () => {
      if (life.over) return;
      this.#cancelled++;
      this.#tell();
    });
    return life;
  }

  #received(message: Plain): void {
    this.requests.push(message);
    this.#tell();
  }

  #when(enough: () => boolean): Promise<void> {
    if (enough()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ enough, resolve }));
  }

  #tell(): void {
    this.#waiting = this.#waiting.filter(({ enough, resolve }) => {
      if (!enough()) return true;
      resolve();
      return false;
    });
  }
}

/** Envoy's authorization service. */
export function extAuthz(handler: UnaryHandler): Promise<GrpcService> {
  return GrpcService.unary(
    'envoy/service/auth/v3/external_auth.proto',
    'envoy.service.auth.v3.Authorization',
    'Check',
    handler,
  );
}

/** Envoy's external processor: one stream per request. */
export function extProc(handler: StreamHandler): Promise<GrpcService> {
  return GrpcService.stream(
    'envoy/service/ext_proc/v3/external_processor.proto',
    'envoy.service.ext_proc.v3.ExternalProcessor',
    'Process',
    handler,
  );
}

/** Envoy's rate-limit service. */
export function rateLimit(handler: UnaryHandler, credentials?: ServerCredentials): Promise<GrpcService> {
  return GrpcService.unary(
    'envoy/service/ratelimit/v3/rls.proto',
    'envoy.service.ratelimit.v3.RateLimitService',
    'ShouldRateLimit',
    handler,
    credentials,
  );
}

const protos = join(dirname(createRequire(import.meta.url).resolve('@agentgateway/protos')), '../proto');

function definition(proto: string, service: string): ServiceClientConstructor['service'] {
  const loaded = loadSync(proto, { includeDirs: [protos], keepCase: true, longs: String, enums: String, oneofs: true });
  let found = loadPackageDefinition(loaded) as GrpcObject | ServiceClientConstructor;
  for (const name of service.split('.')) found = (found as GrpcObject)[name] as GrpcObject;
  return (found as unknown as ServiceClientConstructor).service;
}
