import type { Registration } from '../../src/distributor/store/index.js';

/** A registration of an app of version 2 on which nobody has pushed yet, but for what `change` says. */
export function registrationWith(change: Partial<Registration> & Pick<Registration, 'channel'>): Registration {
  return {
    purpose: 'app',
    token: change.channel,
    service: 'org.example.App',
    busId: null,
    protocol: 2,
    description: '',
    vapid: null,
    address: 'alice@example.org',
    registeredAt: 1_800_000_000_000,
    replacedAt: null,
    retiredAt: null,
    key: new Uint8Array([1]),
    sender: null,
    pin: null,
    next: null,
    peer: null,
    gateway: null,
    isTold: true,
    ...change,
  };
}
