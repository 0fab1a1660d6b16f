// Built into the bundles by infra/build/esbuild.ts.
declare module '*vending.yml' {
  const vending: import('./vending.ts').Vending
  export default vending
}
declare module '*.mjml' {
  const html: string
  export default html
}
declare module '*.txt' {
  const text: string
  export default text
}
declare module '*.html' {
  const page: { html: string; csp: string }
  export default page
}
