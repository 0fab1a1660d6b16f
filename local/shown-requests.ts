import { getRequest } from '../functions/get-request/get-request.ts'
import { type Ledger, scan } from '../functions/shared/ledger.ts'
import { allIntents } from '../functions/shared/opening.ts'

/** How many requests the page shows: the latest ones. */
const most = 5

/** The latest requests for accounts as the API tells them, each with the execution that opens the account. */
export const shownRequests = async (ledger: Ledger) => {
  const { intents } = await scan(ledger, { intents: allIntents })
  const latest = [...intents.values()].sort((a, b) => b.requestedAt.localeCompare(a.requestedAt)).slice(0, most)
  return Promise.all(
    latest.map(async ({ requestId, holder }) => ({
      ...(await getRequest({ ledger }, { requestId })),
      executionArn: holder,
    })),
  )
}
