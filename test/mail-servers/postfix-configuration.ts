/** Where a Postfix is and what it does with mail. */
export interface PostfixPlace {
  /** Has `queue` and `data` in it. */
  readonly directory: string;
  /** Addresses that are taken; with any sub-address too. Every other in their domains is refused with 550 5.1.1. */
  readonly recipients: readonly string[];
  /** Where the mail goes by LMTP, on this machine. */
  readonly lmtpPort: number;
  /** Where a policy server listens that is asked about each recipient, on this machine. Default: there is none. */
  readonly policyPort?: number;
}

/** `main.cf` of a Postfix that listens nowhere but on the unix socket `queue/public/smtp`. */
export function postfixMain({ directory, recipients, lmtpPort, policyPort }: PostfixPlace): string {
  const domains = new Set(recipients.map((address) => address.replace(/^.*@/, '')));
  return `
compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
maillog_file = ${directory}/data/log
maillog_file_prefixes = ${directory}
myhostname = mail.example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
# No domain is delivered on the machine itself, whose users and aliases are none of our business.
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
recipient_delimiter = +
virtual_mailbox_domains = ${[...domains].join(' ')}
virtual_mailbox_maps = inline:{${recipients.map((address) => `{${address} = there}`).join(', ')}}
virtual_transport = lmtp:inet:127.0.0.1:${lmtpPort}
# One after another, so that mail comes in the order in which it was sent.
lmtp_destination_concurrency_limit = 1
lmtp_destination_recipient_limit = 1
${policyPort === undefined ? '' : `smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:${policyPort}\n`}`;
}

/** `master.cf`: SMTP, the queue, delivery by LMTP, bounces, and nothing else. */
export const postfixMaster = `
smtp      unix  n       -       n       -       -       smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
proxymap  unix  -       -       n       -       -       proxymap
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
`;
