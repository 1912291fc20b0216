/**
 * Fields that the specification knows and this build does not carry out, by the object they stand in. They are refused by
 * name, never ignored; whoever builds one takes it out of its line.
 */

const gatewayPolicies: readonly string[] = [];

export const notYet = {
  root: ['tcpRoutes', 'llm', 'mcp', 'ui', 'routeGroups', 'services', 'workloads'],
  config: [
    'localXdsPath',
    'modelCatalog',
    'database',
    'storage',
    'hbone',
    'mcp',
    'standardAttributes',
    'xdsAddress',
    'xdsAuthToken',
    'namespace',
    'gateway',
    'clusterId',
    'network',
    'caAddress',
    'caAuthToken',
    'trustDomain',
    'additionalTrustDomains',
    'skipValidateTrustDomain',
    'serviceAccount',
    'spiffe',
  ],
  logging: ['database'],
  accessLog: ['database'],
  frontend: ['tls', 'proxyProtocol', 'proxy', 'connect'],
  listener: ['namespace', 'tcpRoutes'],
  tls: ['spiffe'],
  gatewayPolicies,
  route: ['ruleName'],
  routePolicies: [...gatewayPolicies, 'mcpAuthorization', 'mcpGuardrails', 'mcpAuthentication', 'a2a', 'backendTunnel'],
  backendPolicies: [
    'backendTunnel',
    'health',
    'mcpAuthorization',
    'mcpGuardrails',
    'a2a',
    'inferenceRouting',
    'sessionAffinity',
  ],
  /** Of a service that a policy asks. */
  calloutPolicies: ['backendTunnel'],
  /** Kinds of a route's backend; those that a named backend may have as well stand in `namedBackend`. */
  routeBackend: ['service', 'mcp', 'aws', 'internal', 'routeGroup'],
  namedBackend: ['mcp', 'aws', 'internal'],
  dynamic: ['target'],
  aiProvider: ['tokenize'],
  providers: ['anthropic', 'gemini', 'copilot', 'vertex', 'bedrock', 'azure', 'custom'],
  openAI: ['moderation'],
  ai: [
    'promptGuard',
    'defaults',
    'overrides',
    'transformations',
    'finalTransformations',
    'prompts',
    'modelAliases',
    'promptCaching',
  ],
  /** A reference to a backend inside a policy. */
  simpleBackend: ['service'],

  backendTLS: ['spiffe'],
  backendAuth: ['gcp', 'aws', 'azure', 'copilot'],
} as const;
