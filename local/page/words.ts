/**
 * A moment on the organization's clock (UTC), like 09:05:00. Unless it is on the day of `now`, with its date, like
 * 2026-12-04 09:05:00. Both are ISO 8601 or milliseconds since 1970.
 */
export const timeOf = (at: string | number, now: string | number) => {
  const [moment, today] = [at, now].map((time) => new Date(time).toISOString().slice(0, 19).replace('T', ' ')) as [
    string,
    string,
  ]
  return moment.slice(0, 10) === today.slice(0, 10) ? moment.slice(11) : moment
}

const ways: Record<string, string> = {
  event: 'by an event',
  manual: 'manually',
  api: 'through the API',
  'daily round': 'by the daily round',
  schedule: 'by the schedule',
}
/** How an execution was started, by its door. */
export const wayOf = (door: string) => ways[door] ?? door
