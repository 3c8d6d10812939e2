/** (f) Calibration of a text model: how often what it gives a probability comes true. */
import type { ScoredToken } from 'palimpsest';
import { PalimpsestError } from 'palimpsest';
import { brief, type Chart, type Result } from '../chart.ts';
import { TEXT_MODELS, withModel } from '../text-models.ts';

/** Upper ends of the bins of predicted probability. */
const EDGES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
/** Characters of one call; each piece is read from its own beginning. */
const PIECE = 1200;
const TEXT = `Once upon a time there was a boy named Ben. Ben had a small blue boat. He liked to play with it in the bath. One day his sister came and asked, "Can I play too?" Ben did not want to share his boat. He held it and said, "No, it is mine." His sister was sad and went to her room.

Ben's mom saw what happened. She said, "It is nice to share, Ben. You can have fun together." Ben thought about it. He went to his sister and said, "I am sorry. Do you want to play with my boat?" She smiled and hugged him. They played with the boat all day. From that day on, Ben liked to share his toys.

Lily went to the park with her dog. The sun was shining and the birds were singing. Her dog ran after a ball and jumped into the pond. Lily laughed. "You are all wet now!" she said. They walked home together, and her mom gave the dog a warm towel. Then they ate some soup and went to bed.`;

interface Bin {
  count: number;
  predicted: number;
  observed: number;
}

/** Pieces of a text that end at the end of a line or sentence. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const most = text.slice(at, at + PIECE);
    const end = most.length < PIECE ? most.length : Math.max(most.lastIndexOf('\n') + 1, most.lastIndexOf('. ') + 2, 0) || PIECE;
    pieces.push(text.slice(at, at + end));
    at += end;
  }
  return pieces;
}

/** Adds every candidate that the model lists at a token: its probability, and whether it was the token. */
function add(bins: readonly Bin[], token: ScoredToken): void {
  for (const { id, probability } of token.expected) {
    const bin = bins[EDGES.findIndex((edge) => probability <= edge + 1e-12)];
    if (!bin) continue;
    bin.count++;
    bin.predicted += probability;
    bin.observed += Number(id === token.id);
  }
}

const shareOf = ({ count }: Bin, sum: number): number | null => (count ? sum / count : null);

function resultOf(bins: readonly Bin[], tokens: number): Result {
  const filled = bins.filter(({ count }) => count);
  const all = filled.reduce((sum, { count }) => sum + count, 0);
  const off = filled.reduce((sum, { predicted, observed }) => sum + Math.abs(predicted - observed), 0) / Math.max(1, all);
  const high = filled.filter(({ predicted, count }) => predicted / count >= 0.5);
  const [said, came, n] = high.reduce(([a, b, c], bin) => [a + bin.predicted, b + bin.observed, c + bin.count], [0, 0, 0] as [number, number, number]);
  const words =
    `${all.toLocaleString('en')} predictions at ${tokens.toLocaleString('en')} tokens. Predicted and observed shares differ by ${brief(off)} on average, weighted by the number of predictions (expected calibration error).` +
    (n ? ` Of the ${n} predictions of at least 50 %, whose mean is ${brief(said / n)}, ${brief(came / n)} came true.` : '');
  const at = filled.map((bin) => shareOf(bin, bin.predicted) ?? 0);
  const error = ({ count, observed }: Bin): number => Math.sqrt(((observed / count) * (1 - observed / count)) / count);
  return {
    words,
    parts: [
      {
        kind: 'plot', title: 'Predicted and observed', x: { label: 'Predicted probability', from: 0, to: 1 }, y: { label: 'Share that came true', from: 0, to: 1 }, at,
        series: [
          { label: 'a calibrated model', values: at, as: 'line', tone: 5 },
          { label: 'observed', values: filled.map((bin) => shareOf(bin, bin.observed)), as: 'points', tone: 0 },
        ],
      },
      {
        kind: 'table', title: 'Bins', columns: ['predicted, mean', 'observed', '± standard error', 'predictions'],
        rows: filled.map((bin) => [brief(bin.predicted / bin.count), brief(bin.observed / bin.count), brief(error(bin)), bin.count]),
      },
    ],
  };
}

export const calibration: Chart = {
  id: 'calibration',
  title: 'Calibration: does what is likely happen?',
  see: 'At every token of the text the model gives probabilities to the tokens that could come; the five largest are its predictions. They are grouped by their size. If the model is right about its own certainty, of all predictions of about 30 % about 30 % come true, and the points are on the line. Points below the line: the model is too sure of itself. Few predictions make points uncertain; the table has their standard errors.',
  waits: 'Reads the text with the model of the stories, which is fetched first if it is not here (8 MB).',
  fields: [
    { key: 'text', label: 'Text', text: TEXT, initial: 0, least: 0, most: 0, whole: false },
  ],
  run: async (run) => {
    const bins: Bin[] = EDGES.map(() => ({ count: 0, predicted: 0, observed: 0 }));
    const pieces = piecesOf((run.texts.text ?? '').trim());
    if (!pieces.length) throw new PalimpsestError('text', 'there is no text');
    let tokens = 0;
    await withModel(run, TEXT_MODELS[0] ?? '', async (model) => {
      for (const [i, piece] of pieces.entries()) {
        run.signal.throwIfAborted();
        const read = await model.surprise(piece, { signal: run.signal });
        for (const token of read.tokens) add(bins, token);
        tokens += read.tokens.length;
        run.advanced((i + 1) / pieces.length);
        run.show(resultOf(bins, tokens));
      }
    });
  },
};
