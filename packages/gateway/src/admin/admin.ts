import type { IncomingMessage, ServerResponse } from 'node:http';
import { getHeapStatistics } from 'node:v8';
import type { Resource } from '../resources/model.ts';
import type { Settings } from '../resources/settings.ts';
import { LevelError, type LogLevels, logLevels } from '../telemetry/levels.ts';
import { configDump } from './config-dump.ts';
import { refusal } from './origin.ts';
import { type ManagementHandler, respond, targetOf } from './server.ts';
import type { VersionInfo } from './version.ts';

/** What the admin API shows and does; the supervisor knows. */
export interface AdminPorts {
  readonly settings: Settings;
  readonly version: VersionInfo;
  /** The supervisor's levels; it hears of changes by `onChange` and tells the workers. */
  readonly levels: LogLevels;
  resources(): Iterable<Resource>;
  /** Asked to stop; is not waited for. */
  shutdown(): void;
}

type Route = (ports: AdminPorts, request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

const routes: ReadonlyMap<string, { readonly method: 'GET' | 'POST'; readonly route: Route }> = new Map([
  ['/config_dump', { method: 'GET', route: dumpConfig }],
  ['/memory', { method: 'GET', route: showMemory }],
  ['/logging', { method: 'POST', route: changeLogging }],
  ['/quitquitquit', { method: 'POST', route: quit }],
]);

/** The diagnostics of spec 10 §8.1. */
export function adminHandler(ports: AdminPorts): ManagementHandler {
  // No page in a browser reaches a socket of the file system.
  const guarded = !('path' in ports.settings.adminAddr);
  return (request, response) => {
    const reason = guarded ? refusal(request) : null;
    if (reason !== null) return respond(response, 403, `${reason}\n`);
    const { path, query } = targetOf(request);
    const found = routes.get(path);
    if (found === undefined) return respond(response, 404, '');
    if (request.method !== found.method) return respond(response, 405, '', { allow: found.method });
    found.route(ports, request, response, query);
  };
}

function dumpConfig(ports: AdminPorts, _: IncomingMessage, response: ServerResponse): void {
  respondJson(response, configDump(ports.resources(), ports.settings, ports.version));
}

function showMemory(_: AdminPorts, __: IncomingMessage, response: ServerResponse): void {
  respondJson(response, { process: process.memoryUsage(), heap: getHeapStatistics() });
}

const usage = `usage: POST /logging\t(shows the level)
       POST /logging?level=<level>\t(changes it for everything)
       POST /logging?level=<scope>=<level>,<scope>=<level>\t(changes it for some scopes)
       POST /logging?reset\t(back to the level at start)
levels: ${logLevels.join(', ')}
`;

function changeLogging(
  { levels }: AdminPorts,
  _: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): void {
  const level = query.getAll('level').join(',');
  try {
    if (query.has('reset')) levels.reset(level);
    else if (level !== '') levels.merge(level);
  } catch (error) {
    if (!(error instanceof LevelError)) throw error;
    respond(response, 400, `${error.message}\n${usage}`);
    return;
  }
  respond(response, 200, `current log level is ${levels.current}\n`);
}

function quit({ shutdown }: AdminPorts, _: IncomingMessage, response: ServerResponse): void {
  // The answer leaves before anything is closed, and nobody waits for the drain to learn that it began.
  response.once('close', shutdown);
  respond(response, 202, 'shutdown now\n', { connection: 'close' });
}

function respondJson(response: ServerResponse, body: unknown): void {
  respond(response, 200, `${JSON.stringify(body, null, 2)}\n`, { 'content-type': 'application/json' });
}
