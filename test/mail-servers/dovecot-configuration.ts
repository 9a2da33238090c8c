import type { UnprivilegedUser } from '../tools/process-group.js';

/** What a Dovecot is to be like. */
export interface DovecotOptions {
  /** TLS from the start, for which it listens on {@link tlsPort} too, STARTTLS, or neither. Default neither. */
  readonly security?: 'tls' | 'starttls' | 'plain';
  /** Which of `fixtures/tls` it shows. Default `localhost`. */
  readonly certificate?: 'localhost' | 'elsewhere' | 'expired';
  /** Move idling connections into one small process after a second, which hears of new mail sooner. Default false. */
  readonly hibernating?: boolean;
  /** Users have Sieve scripts, over ManageSieve at {@link sievePort}. Default: none. */
  readonly sieve?: SieveOptions;
  /** What the names of all folders but INBOX begin with, such as `INBOX.`. Default: nothing. */
  readonly prefix?: string;
  /** Mail to a sub-address goes into the folder of that name if it is there. Default false. */
  readonly subAddressFolders?: boolean;
  /** Rights in a folder are what its file `dovecot-acl` says. Default false: the user may do everything. */
  readonly acl?: boolean;
  /** How many messages the user may have in all folders. Default: any number. */
  readonly maxMessages?: number;
}

/** What the Sieve of a Dovecot is like. */
export interface SieveOptions {
  /** Extensions that it has not. Default: it has all of its own. */
  readonly without?: readonly string[];
  /** How many scripts a user may have. Default: any number. */
  readonly maxScripts?: number;
  /** How long one may be. Default: 1 MiB. */
  readonly maxScriptBytes?: number;
}

/** Where a Dovecot is and what it has. */
export interface DovecotPlace {
  /** Where all of its files are. */
  readonly directory: string;
  /** Whom all of its processes run as. */
  readonly owner: UnprivilegedUser;
  /** An address of the loopback network that it has for itself. */
  readonly address: string;
  /** Files in PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** Where it listens for TLS, on an address of its own: the unix sockets of Dovecot 2.3 know only STARTTLS. */
export const tlsPort = 10_993;

/** Where it listens without TLS if it hibernates: who comes by a unix socket has no IP address, and stays awake. */
export const plainPort = 10_143;

/** Where it listens for ManageSieve. */
export const sievePort = 14_190;

function sieveSettings({ without = [], maxScripts = 0, maxScriptBytes = 1_048_576 }: SieveOptions): string {
  return `plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_quota_max_scripts = ${maxScripts}
  sieve_max_script_size = ${maxScriptBytes}
  ${without.length === 0 ? '' : `sieve_extensions = ${without.map((name) => `-${name}`).join(' ')}`}
}
protocol lmtp {
  mail_plugins = sieve
}
service managesieve-login {
  chroot =
  inet_listener sieve {
    port = ${sievePort}
  }
}`;
}

/** Both are for every service, LMTP too. */
function limitSettings({ acl = false, maxMessages }: DovecotOptions): string {
  if (!acl && maxMessages === undefined) return '';
  return `mail_plugins = ${[acl ? 'acl' : '', maxMessages === undefined ? '' : 'quota'].join(' ')}
plugin {
  ${acl ? 'acl = vfile::cache_secs=0' : ''}
  ${maxMessages === undefined ? '' : `quota = maildir:User\n  quota_rule = *:messages=${maxMessages}\n  quota_grace = 0`}
}
${maxMessages === undefined ? '' : 'protocol imap {\n  mail_plugins = $mail_plugins imap_quota\n}'}`;
}

function tlsSettings({ certificate, key }: DovecotPlace): string {
  return `ssl = yes
ssl_cert = <${certificate}
ssl_key = <${key}`;
}

const hibernation = `imap_hibernate_timeout = 1s
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0600
  }
}
service imap {
  unix_listener imap-master {
    mode = 0600
  }
}`;

/**
 * The configuration of a Dovecot 2.3 that needs no rights and no file outside its directory: IMAP listens on the unix
 * socket `imap` and LMTP on `lmtp`.
 */
export function dovecotConfiguration(place: DovecotPlace, options: DovecotOptions): string {
  const { directory, owner } = place;
  const { security = 'plain', hibernating = false, sieve, prefix, subAddressFolders = false } = options;
  return `
base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = /dev/stderr
protocols = imap lmtp${sieve === undefined ? '' : ' sieve'}
listen = ${place.address}
${security === 'plain' ? 'ssl = no' : tlsSettings(place)}
${hibernating ? hibernation : ''}
${sieve === undefined ? '' : sieveSettings(sieve)}
${subAddressFolders ? 'lmtp_save_to_detail_mailbox = yes' : ''}
${limitSettings(options)}

# Dovecot wants several users so that its parts are kept apart; without rights there is only one.
default_internal_user = ${owner.user}
default_internal_group = ${owner.group}
default_login_user = ${owner.user}
first_valid_uid = 1
first_valid_gid = 1

disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = username_format=%u ${directory}/users
}
userdb {
  driver = passwd-file
  args = username_format=%u ${directory}/users
}

mail_location = maildir:~/Maildir
# The files are thrown away in any case.
mail_fsync = never
mail_max_userip_connections = 100
recipient_delimiter = +
hostname = mail.example.org
postmaster_address = postmaster@example.org

namespace inbox {
  inbox = yes
  ${prefix === undefined ? '' : `prefix = ${prefix}\n  separator = .`}
  mailbox Trash {
    auto = create
    special_use = \\Trash
  }
  mailbox Junk {
    auto = create
    special_use = \\Junk
  }
  mailbox Sent {
    auto = create
    special_use = \\Sent
  }
}

service anvil {
  chroot =
  # Failed logins slow down those that follow from the same place, and here everybody is in the same place.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  chroot =
  unix_listener ${directory}/imap {
    mode = 0600
  }
  inet_listener imap {
    port = ${hibernating && security !== 'tls' ? plainPort : 0}
  }
  inet_listener imaps {
    port = ${security === 'tls' ? tlsPort : 0}
    ssl = yes
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0
  }
  unix_listener ${directory}/lmtp {
    mode = 0600
  }
}
`;
}
