import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Graphviz } from '@hpcc-js/wasm-graphviz'
import { readDefinition } from './deployed.ts'

type State = {
  Type: string
  Next?: string
  Default?: string
  Choices?: { Next: string; StringEquals?: string; BooleanEquals?: boolean }[]
  ItemProcessor?: { StartAt: string; States: Record<string, State> }
}

const node = (name: string, { Type }: State) => {
  const look: Record<string, string> = {
    Task: 'fillcolor="#e3f0ff", color="#0b5394"',
    Choice: 'shape=diamond, fillcolor="#fff7df", color="#8a6d00", height=0.5, margin=0.02',
    Succeed: 'shape=box, style="rounded,filled", fillcolor="#e4f5e8", color="#22713a"',
    Pass: 'fillcolor="#e4f5e8", color="#22713a"',
    Wait: 'fillcolor="#f1eefb", color="#5b4b8a"',
  }
  // The page finds a state by this id, and colours it.
  return `"${name}" [id="state-${name}", ${look[Type] ?? ''}]`
}

/** Where a state leads to, each with the label of the arrow. */
const edgesOf = ({ Next, Choices = [], Default }: State): [to: string, label: string][] => [
  ...(Next ? [[Next, ''] as [string, string]] : []),
  ...Choices.map(({ Next, BooleanEquals }): [string, string] => [Next, BooleanEquals === undefined ? '' : 'yes']),
  ...(Default ? [[Default, Choices.some((c) => c.BooleanEquals !== undefined) ? 'no' : ''] as [string, string]] : []),
]

/** How many states the shortest way from the start to each state has. */
const depthsOf = (states: Record<string, State>) => {
  const [start = ''] = Object.keys(states)
  const depths = new Map([[start, 0]])
  // The map grows while the loop goes through it.
  for (const [name, depth] of depths)
    for (const [to] of edgesOf(states[name] ?? { Type: '' })) if (!depths.has(to)) depths.set(to, depth + 1)
  return (name: string) => depths.get(name) ?? 0
}

const nodesAndEdges = (states: Record<string, State>): string[] => {
  const depthOf = depthsOf(states)
  return Object.entries(states).flatMap(([name, state]) => {
    if (state.ItemProcessor) {
      // A Map becomes a frame around its states. An arrow to the Map points to the first of these states.
      const inner = nodesAndEdges(state.ItemProcessor.States)
      return [
        `subgraph "cluster_${name}" { id="state-${name}"; label="${name}"; labeljust=r; labelloc=b; margin=20; style="rounded,filled"; fillcolor="#f7f9fb"; color="#9aa5b1"; fontcolor="#52606d"; ${inner.join('; ')} }`,
      ]
    }
    return [
      node(name, state),
      ...edgesOf(state).map(([to, label]) => {
        // Graphviz sets the label close to the arrow.
        const looks = label ? `label="\u00a0${label}"` : ''
        // An arrow to an earlier state points up. So the way that opens an account stands beside the way that vends
        // one, instead of above it, and the picture is not too high.
        return depthOf(to) >= depthOf(name)
          ? `"${name}" -> "${to}" [${looks}]`
          : `"${to}" -> "${name}" [dir=back ${looks}]`
      }),
    ]
  })
}

const ends = (states: Record<string, State>) =>
  Object.entries(states).flatMap(([name, state]) => ('End' in state && !state.ItemProcessor ? [name] : []))

/**
 * Draws a workflow's definition as SVG. The SVG group of each state has the id `state-` and the state's name.
 * `startedBy` says in words what starts the workflow.
 */
export const drawWorkflow = async (
  definition: { States: Record<string, unknown> },
  startedBy = 'new-account event · manual execution · API request',
) => {
  const states = definition.States as Record<string, State>
  const lines = nodesAndEdges(states)
  for (const [name, { ItemProcessor, Next }] of Object.entries(states)) {
    if (!ItemProcessor) continue
    for (const [i, line] of lines.entries()) lines[i] = line.replaceAll(`-> "${name}"`, `-> "${ItemProcessor.StartAt}"`)
    const last = ends(ItemProcessor.States).at(-1)
    if (Next && last) lines.push(`"${last}" -> "${Next}" [ltail="cluster_${name}"]`)
  }
  const graphviz = await Graphviz.load()
  return graphviz.dot(`digraph {
    compound=true; bgcolor="#ffffff"; pad=0.2; ranksep=0.35; nodesep=0.2; fontname="Helvetica"; fontsize=12
    node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, fontcolor="#1f2933", height=0.4]
    edge [fontname="Helvetica", fontsize=10, color="#52606d", fontcolor="#52606d", arrowsize=0.7]
    "event" [shape=plain, fillcolor=none, style="", label=<<font color="#52606d">${startedBy}</font>>]
    "event" -> "${Object.keys(states)[0]}"
    ${lines.join('\n')}
  }`)
}

/** Draws the workflow of statemachine/ as SVG. */
export const drawDeployedWorkflow = () => drawWorkflow(readDefinition())

/** Draws the daily round of statemachine/ as SVG. */
export const drawDeployedRound = () => drawWorkflow(readDefinition('daily-round'), 'every day · npx vend round')

if (import.meta.main)
  for (const [name, draw] of Object.entries({ workflow: drawDeployedWorkflow, 'daily-round': drawDeployedRound }))
    writeFileSync(path.join(import.meta.dirname, '..', 'docs', 'pictures', `${name}.svg`), await draw())
