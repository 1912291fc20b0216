import type { BackendTarget } from '../../resources/model.ts';
import type { Exchange } from '../exchange.ts';
import { readers, View } from './view.ts';

const types: Readonly<Record<BackendTarget['type'], string>> = {
  host: 'static',
  dynamic: 'dynamic',
  ai: 'ai',
  invalid: 'unknown',
  extension: 'unknown',
};

const backend = readers<Exchange>({
  name: ({ backend }) => backend?.key,
  type: ({ backend }) => (backend === null ? undefined : types[backend.target.type]),
  protocol: ({ record }) => record.protocol,
});

/** `backend` (spec 04 §4.8). */
export class BackendVariable extends View<Exchange> {
  constructor(exchange: Exchange) {
    super(exchange, backend);
  }
}
