export { simulate } from './cli.ts';
export { type Fault, type FaultKind, faultOfModel, parseFault, type RetryForm } from './fault.ts';
export { defaultKey, type SimulatorOptions, type UsagePlace } from './options.ts';
export type { Gate, GatePoint } from './play.ts';
export { type SeenRequest, type Simulator, startSimulator } from './server.ts';
