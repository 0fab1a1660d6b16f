import type { Visitor } from '../shared/handover.ts'

/** The network of an IP address: the first 24 bits of IPv4, the first 48 bits of IPv6. The rest would name a person. */
const networkOf = (address: string) => {
  const v4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address)?.[1]
  if (v4) return `${v4}.0/24`
  if (!/^[\da-f:]+$/i.test(address)) return 'unknown'
  // The left side of :: stands for as many groups as it has, and zeros follow.
  const groups = (address.split('::')[0] ?? '').split(':').filter(Boolean)
  return `${[...groups, '0', '0', '0'].slice(0, 3).join(':')}::/48`
}

// In this order: Edge calls itself Chrome as well, and Chrome calls itself Safari.
const browsers = ['Firefox', 'Edg', 'OPR', 'Chrome', 'Safari']
const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera' }

const browserOf = (userAgent: string) => {
  const found = browsers.find((browser) => userAgent.includes(`${browser}/`))
  return found ? (names[found] ?? found) : 'another program'
}

/** What is kept of a visitor: enough for the visitor to recognize the visit, and too little to find the visitor. */
export const visitorOf = ({ sourceIp, userAgent }: { sourceIp: string; userAgent: string }): Visitor => ({
  network: networkOf(sourceIp),
  browser: browserOf(userAgent),
})
