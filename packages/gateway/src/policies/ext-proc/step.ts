import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, ResponseStep, Step } from '../../pipeline/step.ts';
import { GrpcCallout } from '../grpc-callout.ts';
import { Session } from './session.ts';
import type { ExtProcSpec } from './spec.ts';
import { Facts } from './values.ts';

/** What the request's side began for the response's side, by policy. */
const sessions = new WeakMap<Exchange, Map<ExtProcSpec, Session>>();

/**
 * `extProc` (spec 03 §5.3): a service sees the request, and later the response, and changes them: one stream of gRPC per exchange, from the
 * first message that is sent to the end of the exchange.
 */
export function compileExtProcRequest(spec: ExtProcSpec, ports: Ports): Step {
  const processor = {
    spec,
    service: new GrpcCallout(ports.callout(spec.target), 'ExtProc'),
    facts: new Facts(spec, ports),
    log: ports.log,
  };
  warnOfTrailers(spec, ports);
  return (exchange) => {
    const session = new Session(exchange, processor);
    const others = sessions.get(exchange);
    if (others === undefined) sessions.set(exchange, new Map([[spec, session]]));
    else others.set(spec, session);
    return session.processRequest();
  };
}

function warnOfTrailers({ request, response }: ExtProcSpec, { log }: Ports): void {
  if (request.body !== 'fullDuplexStreamed' && response.body !== 'fullDuplexStreamed') return;
  if (request.trailers && response.trailers) return;
  log.warn('ext_proc', 'trailers are sent although they are to be skipped: a body in full duplex needs them');
}

/** The response of an exchange whose request came by here. */
export function compileExtProcResponse(spec: ExtProcSpec): ResponseStep {
  return (exchange, response) => sessions.get(exchange)?.get(spec)?.processResponse(response);
}
