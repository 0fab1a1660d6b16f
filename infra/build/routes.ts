import type { Vending } from '../../functions/shared/vending.ts'

/** The routes of the page that opens links: none with `delivery: secret`. Nobody signs in to AWS to call them. */
export const linkRoutes = ({ delivery }: Pick<Vending, 'delivery'>) =>
  delivery === 'link'
    ? [
        { httpApi: { method: 'GET', path: '/link' } },
        { httpApi: { method: 'HEAD', path: '/link' } },
        { httpApi: { method: 'POST', path: '/link/claim' } },
        { httpApi: { method: 'POST', path: '/link/disown' } },
      ]
    : []

/**
 * How fast the routes that have limits of their own may be called, in requests a second, by the routes' keys. Everybody
 * can call the link's routes, and a flood of requests there must stop no other route. A portal may ask for many
 * accounts at once.
 */
export const routeThrottle = (vending: Pick<Vending, 'delivery'>) => ({
  'POST /accounts': { ThrottlingBurstLimit: 200, ThrottlingRateLimit: 50 },
  ...Object.fromEntries(
    linkRoutes(vending).map(({ httpApi: { method, path } }) => [
      `${method} ${path}`,
      { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 },
    ]),
  ),
})

/** The ids that osls gives these routes in the template: HttpApiRoutePostLinkClaim, for example. */
export const throttledRouteIds = (vending: Pick<Vending, 'delivery'>) =>
  Object.keys(routeThrottle(vending)).map((key) =>
    ['HttpApiRoute', ...key.toLowerCase().split(/[ /]+/)]
      .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
      .join(''),
  )
