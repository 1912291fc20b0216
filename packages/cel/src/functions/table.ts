import { bitFunctions } from './bits.ts';
import { conversionFunctions } from './convert.ts';
import { coreFunctions } from './core.ts';
import type { FunctionDefinition } from './definition.ts';
import { encodingFunctions } from './encoding.ts';
import { jsonFunctions } from './json.ts';
import { mapFunctions } from './maps.ts';
import { mathFunctions } from './math.ts';
import { miscFunctions } from './misc.ts';
import { networkFunctions } from './network.ts';
import { regexFunctions } from './regex.ts';
import { stringFunctions } from './strings.ts';
import { timeFunctions } from './time.ts';

/** Every function that gets its arguments evaluated, by name. */
export const functions: ReadonlyMap<string, FunctionDefinition> = new Map(
  [
    coreFunctions,
    conversionFunctions,
    timeFunctions,
    stringFunctions,
    regexFunctions,
    mathFunctions,
    bitFunctions,
    networkFunctions,
    jsonFunctions,
    encodingFunctions,
    mapFunctions,
    miscFunctions,
  ].flatMap((group) => Object.entries(group)),
);

/** Names of those that get them unevaluated. */
const lazyNames = ['default', 'coalesce', 'variables', 'with', 'mapValues', 'filterKeys'];

/** All names, for suggestions and collisions. */
export const functionNames: readonly string[] = [...functions.keys(), ...lazyNames];
