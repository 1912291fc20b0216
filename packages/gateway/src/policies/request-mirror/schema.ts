import { z } from 'zod';
import { closed, exactlyOne } from '../../config/schema/closed.ts';
import { name, target } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';

/** `requestMirror` in the file (spec 02 §3.7). */
export const requestMirrorSchema = closed({
  backend: closed({ host: target().optional(), backend: name().optional() }, notYet.simpleBackend).check(
    exactlyOne(['host', 'backend']),
  ),
  percentage: z.number().min(0, 'must be from 0 to 1').max(1, 'must be from 0 to 1').describe('1 is every request.'),
});
