import { expect, test } from 'vitest';
import { noPorts } from '../policies/testing.ts';
import { WatchedPorts } from './watched-ports.ts';

test('what an expression reads of a service’s answer is no need of the upstream’s', () => {
  const source = { $cel: 'string(request.body) + string(response.body)' };
  const watched = new WatchedPorts(() => noPorts);
  watched.of({}).expression(source, 'service');
  expect(watched.needs).toMatchObject({ requestBody: true, responseBody: false });
  watched.of({}).expression(source);
  expect(watched.needs).toMatchObject({ requestBody: true, responseBody: true });
});
