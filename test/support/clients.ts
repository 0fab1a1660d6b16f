import { clientMaker, type Place } from '../../cli/clients.ts'
import { csvClients } from '../../cli/csv.ts'
import { doctorClients } from '../../cli/doctor-context.ts'
import { planClients } from '../../cli/plan.ts'
import { replayClients } from '../../cli/replay.ts'

/** The clients of all commands. */
export const makeClients = (place: Place = {}) => {
  const make = clientMaker(place)
  return { ...csvClients(make), ...doctorClients(make), ...planClients(make), ...replayClients(make) }
}
