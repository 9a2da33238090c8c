import type { UnprivilegedUser } from '../tools/process-group.js';

/**
 * The configuration of a Dovecot 2.3 that needs no rights, no fixed port and no file outside `directory`: IMAP listens
 * on the unix socket `imap` and LMTP on `lmtp`. All of its processes run as `owner`.
 */
export function dovecotConfiguration(directory: string, owner: UnprivilegedUser): string {
  return `
base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = /dev/stderr
protocols = imap lmtp
listen = 127.0.0.1
ssl = no

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
    port = 0
  }
  inet_listener imaps {
    port = 0
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
