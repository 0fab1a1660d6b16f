import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { XMLValidator } from 'fast-xml-parser'
import { describe, expect, onTestFinished, test } from 'vitest'
import { codeIn } from '../../functions/claim-link/page/code-in.ts'
import { pageAnswer } from '../../functions/claim-link/page.ts'
import { makeLinkKey } from '../../functions/shared/sealed-box.ts'
import { compilePage } from '../../infra/build/compile-page.ts'

const vending = { organizationName: 'Example Organization', contact: 'platform-team@example.com' }
const { status, headers, body } = pageAnswer(vending, 'GET')
const contents = (tag: string, html = body) =>
  [...html.matchAll(new RegExp(`<${tag}\\b[^>]*>([^]*?)</${tag}>`, 'g'))].map(([, text = '']) => text)
const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const policy = (csp: string) =>
  Object.fromEntries(csp.split('; ').map((part) => [part.split(' ')[0] ?? '', part.split(' ').slice(1)] as const))

describe('the page’s answer', () => {
  test('allows its own script and style by their hashes, and nothing else', () => {
    expect([contents('script').length, contents('style').length]).toEqual([1, 1])
    expect(policy(headers['content-security-policy'])).toEqual({
      'default-src': ["'none'"],
      'script-src': contents('script').map(hash),
      'style-src': contents('style').map(hash),
      'img-src': ['data:'],
      'connect-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
      'require-trusted-types-for': ["'script'"],
    })
  })

  test('has the headers that keep the page out of caches, frames, search engines and referrers', () => {
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
      'x-content-type-options': 'nosniff',
    })
    expect(Number(/^max-age=(\d+)/.exec(headers['strict-transport-security'])?.[1])).toBeGreaterThanOrEqual(31_536_000)
  })

  test('HEAD has the headers of GET and no body', () => {
    expect(pageAnswer(vending, 'HEAD')).toEqual({ status, headers, body: '' })
  })

  test('says that nothing works without MFA, if vending.yml requires MFA', () => {
    expect(body).not.toContain('denies everything')
    const required = pageAnswer({ ...vending, mfa: 'required' }, 'GET')
    expect(required.body).toMatch(/Until then, AWS denies everything\s+else\./)
    expect(required.headers).toEqual(headers)
  })

  test('refers to nothing outside itself', () => {
    expect([...body.matchAll(/\b(?:src|href|action|srcset)="([^"]*)"/g)].map(([, url]) => url)).toEqual(['data:,'])
    expect(body).not.toMatch(/https?:|\/\/\w|@import|url\(|sourceMappingURL/)
  })

  test('stays below 25 KB', () => {
    expect(Buffer.byteLength(body)).toBeLessThan(25_000)
  })

  test('has every element that the script uses, and each id once', () => {
    const ids = [...body.replace(/<script[^]*<\/script>/, '').matchAll(/\bid="([\w-]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const script = readFileSync('functions/claim-link/page/page.ts', 'utf8')
    const used = [...script.matchAll(/\b(?:element(?:<\w+>)?|write|pressed|submitted|show|goTo)\('([\w-]+)'/g)]
    expect(used.length).toBeGreaterThan(20)
    expect(used.map(([, id]) => id).filter((id) => !ids.includes(id))).toEqual([])
  })

  test('shows the organization and the contact as text, whatever they contain', () => {
    const name = `</style><script>alert(1)</script>{{contact}} & "Söhne" $&`
    const answer = pageAnswer({ organizationName: name, contact: `<img src=x onerror='1'>` }, 'GET')
    expect(answer.body).toContain(
      '&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{contact}} &amp; &quot;Söhne&quot; $&amp;',
    )
    expect(answer.body).toContain('&lt;img src=x onerror=&#39;1&#39;&gt;')
    expect(answer.body).not.toContain('<img')
    expect([contents('script', answer.body), contents('style', answer.body)]).toEqual([
      contents('script'),
      contents('style'),
    ])
    expect(answer.headers).toEqual(headers)
  })

  test('leaves no placeholder, and closes every element', () => {
    expect(body).not.toContain('{{')
    const markup = body
      .replace(/<(script|style)\b[^]*?<\/\1>/g, '')
      .replace('<!doctype html>', '')
      .replace(/ (hidden|novalidate)(?=[ >])/g, '')
    expect(XMLValidator.validate(markup)).toBe(true)
  })
})

describe('compilePage', () => {
  const compiled = async (files: Record<string, string>) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'page-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(folder, name), text)))
    return compilePage(path.join(folder, 'a.html'))
  }
  const html = '<link rel="stylesheet" href="a.css" />\n<script type="module" src="a.ts"></script>'
  const css = 'a { color: red }'

  test('puts style and script into the page', async () => {
    const page = await compiled({ 'a.html': html, 'a.css': css, 'a.ts': 'const $: string = "$& </script>"; alert($)' })
    expect(page.html).toMatch(/^<style>a{color:red}<\/style>\n<script type="module">.*<\/script>$/)
    expect(contents('script', page.html)).toHaveLength(1)
    for (const tag of ['script', 'style']) expect(page.csp).toContain(hash(contents(tag, page.html)[0]!))
  })

  test('refuses a page without a style sheet or a script', async () => {
    await expect(compiled({ 'a.html': '<p></p>' })).rejects.toThrow(/a\.html: nothing matches .*stylesheet/)
  })

  test('refuses a script with a placeholder, whose hash would not fit', async () => {
    await expect(compiled({ 'a.html': html, 'a.css': css, 'a.ts': 'alert("{{contact}}")' })).rejects.toThrow('a.ts')
  })
})

describe('codeIn', async () => {
  const { scalar: code } = await makeLinkKey()
  // With the characters that gateways like to change.
  const odd = `-_${code.slice(2, 41)}_-`
  const wrapped = (mark: string, one: string) => `https%3A%2F%2Faccess.example.com%2Flink${mark}${one}`
  const host = 'https://access.example.com/link'

  test.each([code, odd])('finds the code %s', (one) => {
    for (const text of [
      `${host}#${one}`,
      `#${one}`,
      one,
      ` ${one}\n`,
      `<${host}#${one}>`,
      `Open this link: ${host}#${one}\nThe link expires after 7 days.`,
      `${host}#\n${one}`,
      `${host}#${one.slice(0, 20)}\r\n${one.slice(20)}`,
      `https://eur01.safelinks.protection.outlook.com/?url=${wrapped('%23', one)}&data=05%7C02%7Cada&sdata=x%3D&reserved=0`,
      `https://gateway.example.com/?u=https%253A%252F%252Faccess.example.com%252Flink%2523${one}&h=1`,
      `https://urldefense.com/v3/__${host}*${one}__;Iw!!AbC!dEf-gHi$`,
      `https://www.google.com/url?q=${wrapped('%23', one)}&sa=D`,
      `${host}#top ${host}#${one}`,
      `https://gateway.example.com/#${'x'.repeat(43)}?u=${host}#${one}`,
    ])
      expect(codeIn(text), text).toBe(one)
  })

  test('finds no code where there is none', () => {
    for (const text of [
      '',
      '#',
      host,
      `${host}#`,
      `${host}#${code.slice(1)}`,
      `${host}#${code}x`,
      code.slice(1),
      'a b',
    ])
      expect(codeIn(text), text).toBeUndefined()
  })
})
