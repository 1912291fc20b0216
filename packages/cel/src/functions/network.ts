import { functionError } from '../values/error.ts';
import { Cidr, Ip } from '../values/ip.ts';
import { type FunctionGroup, unexpectedType } from './definition.ts';

/** Addresses and networks (spec 04 §5.4); their methods are their own. */
export const networkFunctions: FunctionGroup = {
  isIP: { min: 1, call: (_, value) => typeof value === 'string' && Ip.parse(value) !== null },
  ip: {
    min: 1,
    call: (_, value) => {
      if (value instanceof Ip) return value;
      if (typeof value !== 'string') return unexpectedType(value, 'string');
      return Ip.parse(value) ?? functionError('ip', 'text is no IP address');
    },
  },
  cidr: {
    min: 1,
    call: (_, value) => {
      if (value instanceof Cidr) return value;
      if (typeof value !== 'string') return unexpectedType(value, 'string');
      return Cidr.parse(value) ?? functionError('cidr', 'text is no CIDR, such as 10.0.0.0/8');
    },
  },
};
