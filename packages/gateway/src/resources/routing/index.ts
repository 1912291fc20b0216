export { selectListener } from './listener.ts';
export type { RouteQuery } from './lookup.ts';
export { pathMatchText } from './path-text.ts';
export { compileRoutes, type RouteTable } from './table.ts';
export { compileWeights } from './weights.ts';
