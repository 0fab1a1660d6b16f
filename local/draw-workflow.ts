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
  }
  // The page finds a state by this id, and colours it.
  return `"${name}" [id="state-${name}", ${look[Type] ?? ''}]`
}

const nodesAndEdges = (states: Record<string, State>): string[] =>
  Object.entries(states).flatMap(([name, state]) => {
    if (state.ItemProcessor) {
      // A Map becomes a frame around its states. An arrow to the Map points to the first of these states.
      const inner = nodesAndEdges(state.ItemProcessor.States)
      return [
        `subgraph "cluster_${name}" { id="state-${name}"; label="${name}"; labeljust=r; style="rounded,filled"; fillcolor="#f7f9fb"; color="#9aa5b1"; fontcolor="#52606d"; ${inner.join('; ')} }`,
      ]
    }
    const edges = [
      ...(state.Next ? [[state.Next, '']] : []),
      ...(state.Choices ?? []).map(({ Next, BooleanEquals }) => [Next, BooleanEquals === undefined ? '' : 'yes']),
      ...(state.Default
        ? [[state.Default, state.Choices?.some((c) => c.BooleanEquals !== undefined) ? 'no' : '']]
        : []),
    ]
    return [
      node(name, state),
      ...edges.map(([to = '', label]) => `"${name}" -> "${to}" ${label ? `[label="${label}"]` : ''}`),
    ]
  })

const ends = (states: Record<string, State>) =>
  Object.entries(states).flatMap(([name, state]) => ('End' in state && !state.ItemProcessor ? [name] : []))

/** Draws a workflow's definition as SVG. The SVG group of each state has the id `state-` and the state's name. */
export const drawWorkflow = async (definition: { States: Record<string, unknown> }) => {
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
    compound=true; bgcolor="#ffffff"; pad=0.2; ranksep=0.35; nodesep=0.3; fontname="Helvetica"; fontsize=12
    node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, fontcolor="#1f2933", height=0.4]
    edge [fontname="Helvetica", fontsize=10, color="#52606d", fontcolor="#52606d", arrowsize=0.7]
    "event" [shape=plain, fillcolor=none, style="", label=<<font color="#52606d">new-account event · manual execution · API request</font>>]
    "event" -> "AcceptRequest"
    ${lines.join('\n')}
  }`)
}

/** Draws the workflow of statemachine/ as SVG. */
export const drawDeployedWorkflow = () => drawWorkflow(readDefinition())

if (import.meta.main)
  writeFileSync(path.join(import.meta.dirname, '..', 'docs', 'pictures', 'workflow.svg'), await drawDeployedWorkflow())
