import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createLimitKeys, mailboxOf, networkOf } from './limit-keys.js';

describe('the mailbox of an address', () => {
  it.each([
    ['alice@example.org', 'alice@example.org'],
    ['Alice+push@Example.org', 'alice@example.org'],
    ['alice+a+b@example.org', 'alice@example.org'],
    ['+alice@example.org', '+alice@example.org'],
    ['alice-push@example.org', 'alice-push@example.org'],
    ['a.l.i.c.e+x@gmail.com', 'alice@gmail.com'],
    ['al.ice@GoogleMail.com', 'alice@gmail.com'],
    ['al.ice@example.org', 'al.ice@example.org'],
  ])('%s is %s', (address, mailbox) => {
    expect(mailboxOf(address)).toBe(mailbox);
  });
});

describe('the network of a client', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['no address', 'no address'],
  ])('%s is %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network);
  });
});

describe('the names of what is counted', () => {
  const secret = randomBytes(32);
  const keys = createLimitKeys(secret);

  it('are the same on each replica, and nobody else can make them', () => {
    const of = 'alice@example.org';
    expect(createLimitKeys(secret).mailbox(of)).toBe(keys.mailbox(of));
    expect(createLimitKeys(randomBytes(32)).mailbox(of)).not.toBe(keys.mailbox(of));
    expect(keys.mailbox(of)).toMatch(/^[\w-]{22}$/);
  });

  it('differ by what they are for', () => {
    const all = [keys.mailbox('a@b.example'), keys.domain('a@b.example'), keys.client('a@b.example')];
    expect(new Set(all).size).toBe(3);
    expect(keys.domain('x@googlemail.com')).toBe(keys.domain('y@gmail.com'));
  });
});
