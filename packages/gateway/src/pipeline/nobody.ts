import type { Reply } from '@agentgateway/http';

/** Where the answer goes to an exchange that no client began: a mirrored copy, a policy's own call. */
export const nobody: Reply = {
  onClosed: null,
  bodyBytes: 0,
  upgradable: false,
  respond() {},
  inform() {},
  upgrade() {
    throw new Error('nobody can be upgraded');
  },
  destroy() {},
};
