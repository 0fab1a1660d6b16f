import { type Ledger, scan } from '../shared/ledger.ts'
import { allLooks } from '../shared/look.ts'

/** Reports what the looks found. Answers how many accounts have been looked at, and how many findings they have. */
export async function reportRound({ ledger }: { ledger: Ledger }) {
  const { looks } = await scan(ledger, { looks: allLooks })
  const findings = [...looks.values()].reduce((sum, look) => sum + Object.keys(look.findings).length, 0)
  return { looks: looks.size, findings }
}
