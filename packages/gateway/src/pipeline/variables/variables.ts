import { type Activation, fromJson, type Value } from '@agentgateway/cel';
import type { Exchange } from '../exchange.ts';
import { BackendVariable } from './backend.ts';
import { DestinationVariable, SourceVariable } from './connection.ts';
import { ApiKeyVariable, JwtVariable } from './credentials.ts';
import { llmVariable } from './llm.ts';
import { ProxyVariable } from './proxy.ts';
import { RequestVariable } from './request.ts';
import { ResponseVariable } from './response.ts';

/**
 * The variables of one exchange (spec 04 §4). Each is made when an expression first reads it, and reads the exchange itself: after the
 * request was sent upstream nobody changes it any more, so what was a live view is the snapshot that logs want.
 */
export class ExchangeVariables implements Activation {
  readonly #exchange: Exchange;
  #request: RequestVariable | null = null;
  #response: ResponseVariable | null = null;
  #source: SourceVariable | null = null;
  #destination: DestinationVariable | null = null;
  #proxy: ProxyVariable | null = null;
  #jwt: JwtVariable | null = null;
  #apiKey: ApiKeyVariable | null = null;
  #backend: BackendVariable | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get request(): Value {
    this.#request ??= new RequestVariable(this.#exchange);
    return this.#request;
  }

  get response(): Value {
    const { response } = this.#exchange;
    if (response === null) return null;
    if (this.#response?.of !== response) this.#response = new ResponseVariable(this.#exchange, response);
    return this.#response;
  }

  get source(): Value {
    this.#source ??= new SourceVariable(this.#exchange.connection);
    return this.#source;
  }

  get destination(): Value {
    this.#destination ??= new DestinationVariable(this.#exchange.connection);
    return this.#destination;
  }

  get proxy(): Value {
    this.#proxy ??= new ProxyVariable(this.#exchange);
    return this.#proxy;
  }

  get env(): Value {
    return fromJson(this.#exchange.environment);
  }

  get jwt(): Value {
    const { jwt } = this.#exchange;
    if (jwt === null) return null;
    if (this.#jwt?.of !== jwt) this.#jwt = new JwtVariable(jwt);
    return this.#jwt;
  }

  get apiKey(): Value {
    const { apiKey } = this.#exchange;
    if (apiKey === null) return null;
    if (this.#apiKey?.of !== apiKey) this.#apiKey = new ApiKeyVariable(apiKey);
    return this.#apiKey;
  }

  get basicAuth(): Value {
    const { basicAuth } = this.#exchange;
    return basicAuth === null ? null : fromJson(basicAuth);
  }

  get extauthz(): Value {
    return json(this.#exchange.extauthz);
  }

  get extproc(): Value {
    return json(this.#exchange.extproc);
  }

  get metadata(): Value {
    return json(this.#exchange.metadata);
  }

  get llm(): Value {
    const { record } = this.#exchange;
    return record.llm === null ? null : llmVariable(record.llm, record);
  }

  /** The body of a model request, while policies of the model gateway run; none of them is built. */
  readonly llmRequest: Value = null;

  /** Of the MCP gateway, which is not built. */
  readonly mcp: Value = null;
  readonly mcpGuardrails: Value = null;

  get backend(): Value {
    const { backend, backendSelected } = this.#exchange;
    if (backend === null || !backendSelected) return null;
    this.#backend ??= new BackendVariable(this.#exchange);
    return this.#backend;
  }
}

function json(value: Readonly<Record<string, unknown>> | null): Value {
  return value === null ? null : fromJson(value);
}
