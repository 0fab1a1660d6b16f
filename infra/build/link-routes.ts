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

/** How fast everybody may call each of these routes, in requests a second. */
const throttle = { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 }

/** The limits of the routes, by the routes' keys. */
export const linkThrottle = (vending: Pick<Vending, 'delivery'>) =>
  Object.fromEntries(linkRoutes(vending).map(({ httpApi: { method, path } }) => [`${method} ${path}`, throttle]))

/** The ids that osls gives the routes in the template: HttpApiRoutePostLinkClaim, for example. */
export const linkRouteIds = (vending: Pick<Vending, 'delivery'>) =>
  linkRoutes(vending).map(({ httpApi: { method, path } }) =>
    ['HttpApiRoute', method.toLowerCase(), ...path.split('/')]
      .filter(Boolean)
      .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
      .join(''),
  )
