import type { Activation, Value } from '@agentgateway/cel';
import type { ConnectionInfo } from '@agentgateway/http';
import { DestinationVariable, SourceVariable } from './connection.ts';

/** The variables of a connection that nothing was read of yet (spec 04 §4.1). */
export class ConnectionVariables implements Activation {
  readonly source: Value;
  readonly destination: Value;
  readonly env: Value = null;
  readonly request = null;
  readonly response = null;
  readonly proxy = null;
  readonly jwt = null;
  readonly apiKey = null;
  readonly basicAuth = null;
  readonly extauthz = null;
  readonly extproc = null;
  readonly metadata = null;
  readonly llm = null;
  readonly llmRequest = null;
  readonly mcp = null;
  readonly mcpGuardrails = null;
  readonly backend = null;

  constructor(connection: ConnectionInfo) {
    this.source = new SourceVariable(connection);
    this.destination = new DestinationVariable(connection);
  }
}
