"""Shows pictures in a Tk window."""

from PIL import Image

from fer.errors import UserError

QUIT = ("<q>", "<Escape>")


class Window:
    """A window whose `open` becomes False when the user closes it or presses q or Esc.

    Raises UserError if Python has no Tk or the machine no display.
    """

    def __init__(self, title: str):
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError:
            raise UserError(
                "the window needs tkinter (Debian, Ubuntu: apt install python3-tk); --no-window records "
                "without one, to --csv=FILE or --out FOLDER"
            ) from None
        try:
            self.root = tkinter.Tk()
        except tkinter.TclError as error:
            raise UserError(
                f"no window can be opened here ({error}); --no-window records "
                "without one, to --csv=FILE or --out FOLDER"
            ) from None
        self.photo, self.image_tk, self.open = None, ImageTk, True
        self.root.title(title)
        self.label = tkinter.Label(self.root, borderwidth=0)
        self.label.pack()
        self.root.protocol("WM_DELETE_WINDOW", self.leave)
        for key in QUIT:
            self.root.bind(key, self.leave)

    def leave(self, _=None) -> None:
        self.open = False

    def show(self, picture: Image.Image) -> None:
        self.photo = self.image_tk.PhotoImage(picture, master=self.root)  # Tk needs a reference to it
        self.label.configure(image=self.photo)
        self.root.update()

    def close(self) -> None:
        self.root.destroy()
