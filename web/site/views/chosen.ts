/** The chosen picture, and the training picture nearest to it. */
import { announce } from '../announce.ts';
import { byId, make, setText } from '../dom.ts';
import { Neighbours, type Neighbour } from '../pictures/neighbours.ts';
import { show, type Raster } from '../pictures/raster.ts';

export class Chosen {
  private readonly place = byId('chosen');
  private readonly drawn = byId<HTMLCanvasElement>('chosen-picture');
  private readonly near = byId<HTMLCanvasElement>('neighbour-picture');
  private readonly words = byId('neighbour');
  private readonly sheets = new Map<string, Promise<Neighbours>>();
  private picture: Raster | null = null;

  /** `final`: the picture is finished, so that a search makes sense. */
  show(picture: Raster | null, title: string, model: string, final: boolean): void {
    this.place.hidden = !picture;
    if (!picture) this.picture = null;
    if (!picture || picture === this.picture) return;
    this.picture = picture;
    show(this.drawn, picture);
    setText(byId('chosen-title'), title);
    if (final) void this.search(picture, model);
    else this.tell(null, 'The nearest training picture is searched for when the picture is finished.');
  }

  private async search(picture: Raster, model: string): Promise<void> {
    if (!__MODELS__.some(({ name }) => name === model)) return this.tell(null, 'The page does not have the training pictures of this model.');
    try {
      const sheet = this.sheets.get(model) ?? Neighbours.load(model);
      this.sheets.set(model, sheet);
      const neighbours = await sheet;
      if (this.picture === picture) this.found(neighbours.nearest(picture));
    } catch {
      this.sheets.delete(model);
      if (this.picture === picture) this.tell(null, 'The training pictures could not be fetched.');
    }
  }

  private found(neighbour: Neighbour): void {
    const { name, mirrored, distance, searched, of } = neighbour;
    const all = searched < of ? `${searched.toLocaleString('en')} of the ${of.toLocaleString('en')}` : `all ${of.toLocaleString('en')}`;
    const turned = mirrored ? ', mirrored' : '';
    this.tell(neighbour.picture, `The nearest training picture: ${name}${turned}. It differs by ${distance.toFixed(0)} of 255 grey levels (root mean square). The search covered ${all} training pictures and their mirror images.`);
    announce(`Nearest training picture: ${name}`);
  }

  private tell(picture: Raster | null, words: string): void {
    this.near.hidden = !picture;
    if (picture) show(this.near, picture);
    this.words.replaceChildren(make('p', {}, words));
  }
}
