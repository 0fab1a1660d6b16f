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
