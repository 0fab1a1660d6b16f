const mutating = /^(Create|Put|Attach|Add|Update|Delete|Tag|Restore|Send)/

/** The calls that changed anything but the ledger. */
export const writes = <Made extends { service: string; operation: string }>(calls: Made[]) =>
  calls.filter(({ service, operation }) => service !== 'dynamodb' && mutating.test(operation))
