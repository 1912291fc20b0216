import { createServer } from 'node:net';
import type { Bind, ResourceDelta } from '../resources/model.ts';

/** Where a bind really listens. */
export interface BoundPort {
  readonly host: string;
  readonly port: number;
}

/** A port that cannot be had: taken, forbidden, or not an address of this machine. */
class PortUnavailable extends Error {
  override readonly name = 'PortUnavailable';
}

/**
 * The supervisor's book of ports.
 *
 * Workers share a port with `reusePort`, so a second gateway on it would not be noticed: each new one is first opened by
 * the supervisor alone. Port 0 is settled here once, so that all workers open the same.
 */
export class BoundPorts {
  readonly #ports = new Map<string, BoundPort & { readonly asked: number }>();
  #staged = new Map<string, BoundPort & { readonly asked: number }>();

  /** Real address of each bind, by its key. */
  get all(): ReadonlyMap<string, BoundPort> {
    return this.#ports;
  }

  /**
   * Makes sure that the new ports of a change can be had, and gives the change with the real ports in it.
   *
   * @throws PortUnavailable naming each address that cannot be had.
   */
  async stage(delta: ResourceDelta): Promise<ResourceDelta> {
    const staged = new Map<string, BoundPort & { readonly asked: number }>();
    const failures: string[] = [];
    for (const bind of delta.upserts) {
      if (bind.kind !== 'bind') continue;
      const known = this.#ports.get(bind.key);
      if (known?.host === bind.host && known.asked === bind.port) continue;
      try {
        staged.set(bind.key, { host: bind.host, port: await this.#probe(bind), asked: bind.port });
      } catch (error) {
        failures.push(`cannot listen on ${addressText(bind)}: ${portProblem(error as NodeJS.ErrnoException)}`);
      }
    }
    if (failures.length > 0) throw new PortUnavailable(failures.join('; '));
    this.#staged = staged;
    return { removals: delta.removals, upserts: delta.upserts.map((resource) => this.resolve(resource)) };
  }

  /** A resource as the workers see it: a bind gets its real port. */
  resolve<R extends ResourceDelta['upserts'][number]>(resource: R): R {
    if (resource.kind !== 'bind') return resource;
    const real = this.#staged.get(resource.key) ?? this.#ports.get(resource.key);
    return real === undefined || real.port === resource.port ? resource : { ...resource, port: real.port };
  }

  commit(delta: ResourceDelta): void {
    for (const removal of delta.removals) if (removal.kind === 'bind') this.#ports.delete(removal.key);
    for (const [key, port] of this.#staged) this.#ports.set(key, port);
    this.#staged = new Map();
  }

  rollback(): void {
    this.#staged = new Map();
  }

  /** A port that our own workers hold is not probed: it is ours, whatever address of it the new bind asks for. */
  async #probe({ host, port }: Bind): Promise<number> {
    if (port !== 0) for (const own of this.#ports.values()) if (own.port === port) return port;
    return probe(host, port);
  }
}

/** `[::]:8080`, `0.0.0.0:8080` */
function addressText({ host, port }: BoundPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function probe(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port }, () => {
      const address = server.address();
      const real = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(real));
    });
  });
}

/** Why a listening socket could not be had, in the words of {@link PortUnavailable}; other errors speak for themselves. */
export function listenProblem(error: unknown): string {
  const { address, port, syscall, message } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall !== 'listen' || address === undefined) return message;
  const where = port === undefined || port < 0 ? `unix:${address}` : addressText({ host: address, port });
  return `cannot listen on ${where}: ${portProblem(error as NodeJS.ErrnoException)}`;
}

function portProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'address already in use';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EADDRNOTAVAIL') return 'not an address of this machine';
  if (code === 'EAFNOSUPPORT') return 'this machine has no such address family';
  return message;
}

/** True if several listeners of this process may hold one port, and the kernel spreads connections over them. */
export function canSharePorts(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port: 0, reusePort: true }, () => server.close(() => resolve(true)));
  });
}
