import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultConfigFile, defaultStateDirectory, resolvePath } from './paths.js';

describe('the default places', () => {
  it('are those of the XDG variables', () => {
    expect(defaultConfigFile({ XDG_CONFIG_HOME: '/c' })).toBe('/c/mailpush/config.toml');
    expect(defaultStateDirectory({ XDG_STATE_HOME: '/s' })).toBe('/s/mailpush');
  });

  it('are below the home folder when the variables are unset, empty or relative', () => {
    for (const value of [undefined, '', 'relative']) {
      expect(defaultConfigFile({ XDG_CONFIG_HOME: value })).toBe(join(homedir(), '.config/mailpush/config.toml'));
      expect(defaultStateDirectory({ XDG_STATE_HOME: value })).toBe(join(homedir(), '.local/state/mailpush'));
    }
  });
});

describe('a path in the configuration', () => {
  it.each([
    ['/etc/p', '/etc/p'],
    ['p', '/c/mailpush/p'],
    ['../p', '/c/p'],
    ['~/p', join(homedir(), 'p')],
    ['~p', '/c/mailpush/~p'],
  ])('%s is %s', (path, expected) => {
    expect(resolvePath(path, '/c/mailpush')).toBe(expected);
  });
});
