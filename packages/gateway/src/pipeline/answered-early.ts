import type { Response } from '@agentgateway/http';

/** Why an exchange's work is given up: a policy has the answer while the upstream is still being asked. */
export class AnsweredEarly extends Error {
  override readonly name = 'AnsweredEarly';
  readonly response: Response;
  constructor(response: Response) {
    super('a policy answered while the upstream was being asked');
    this.response = response;
  }
}
