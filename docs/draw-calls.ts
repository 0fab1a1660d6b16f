import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Graphviz } from '@hpcc-js/wasm-graphviz'
import { longestChain, plannedCalls } from '../test/support/calls.ts'

const services: Record<string, string> = {
  organizations: 'Organizations',
  dynamodb: 'DynamoDB',
  sts: 'STS',
  iam: 'IAM',
  secretsmanager: 'Secrets Manager',
  ses: 'SES',
  events: 'EventBridge',
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const wrapped = (text: string, width: number) =>
  text
    .split(' ')
    .reduce<string[]>((lines, word) => {
      const last = lines.at(-1)
      if (last === undefined || last.length + word.length >= width) return [...lines, word]
      return [...lines.slice(0, -1), `${last} ${word}`]
    }, [])
    .map(escaped)

/** Draws the AWS calls of one vend and what each waits for, as SVG. The longest chain is dark. */
export const drawCalls = async () => {
  const chain = longestChain(plannedCalls)
  const isLink = (from: string, to: string) => chain[chain.indexOf(to) - 1] === from
  const steps = [...new Set(plannedCalls.map(({ step }) => step))]

  const node = ({ id, call, does }: (typeof plannedCalls)[number]) => {
    const [service = '', operation = ''] = call.split(':')
    const look = chain.includes(id)
      ? 'fillcolor="#cfe2f7", color="#0b5394", penwidth=2'
      : 'fillcolor="#ffffff", color="#9aa5b1"'
    const lines = wrapped(does, 28).join('<br/>')
    const label = `<b>${operation}</b> <font color="#52606d" point-size="10">${services[service]}</font><br/><font point-size="10">${lines}</font>`
    return `"${id}" [label=<${label}>, ${look}]`
  }
  // Several calls that wait for the same ones, for the same reason, wait at one point that says it.
  const joints = new Map<string, { id: string; from: string[]; because: string; to: string[] }>()
  for (const { id, after } of plannedCalls)
    for (const { calls, because } of after) {
      const key = JSON.stringify([calls, because])
      const joint = joints.get(key) ?? { id: `because ${joints.size}`, from: calls, because, to: [] }
      joint.to.push(id)
      joints.set(key, joint)
    }
  const stepOf = (id = '') => plannedCalls.find((call) => call.id === id)?.step
  /** Reasons between two calls of a step stand in its frame. */
  const reasonsIn = (step: string | undefined) =>
    [...joints.values()]
      .filter(({ from, to }) => (stepOf(from[0]) === stepOf(to[0]) ? stepOf(to[0]) : undefined) === step)
      .map(({ id, because }) => {
        const reason = `<font color="#52606d" point-size="10">${wrapped(because, 34).join('<br/>')}</font>`
        return `"${id}" [shape=plain, style="", label=<${reason}>]`
      })
  const arrows = ({ id, from, to }: { id: string; from: string[]; to: string[] }) => {
    const link = (isOn: boolean) => (isOn ? 'color="#0b5394", penwidth=2' : 'color="#9aa5b1"')
    return [
      ...from.map((one) => `"${one}" -> "${id}" [arrowhead=none, ${link(to.some((other) => isLink(one, other)))}]`),
      ...to.map((one) => `"${id}" -> "${one}" [${link(from.some((other) => isLink(other, one)))}]`),
    ]
  }
  const graphviz = await Graphviz.load()
  return graphviz.dot(`digraph {
    newrank=true; bgcolor="#ffffff"; pad=0.2; ranksep=0.18; nodesep=0.25; fontname="Helvetica"; fontsize=12
    node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, fontcolor="#1f2933", height=0.3, margin="0.12,0.05"]
    edge [arrowsize=0.6]
    ${steps
      .map(
        (step) =>
          `subgraph "cluster_${step}" { label="${step}"; labeljust=l; margin=14; fontsize=10; style="rounded,filled"; fillcolor="#f7f9fb"; color="#d3dae1"; fontcolor="#52606d"; ${[
            ...plannedCalls.filter((call) => call.step === step).map(node),
            ...reasonsIn(step),
          ].join('; ')} }`,
      )
      .join('\n')}
    ${[...reasonsIn(undefined), ...[...joints.values()].flatMap(arrows)].join('\n')}
  }`)
}

if (import.meta.main) writeFileSync(path.join(import.meta.dirname, 'pictures', 'calls.svg'), await drawCalls())
