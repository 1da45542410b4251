"""A trained network at work on photographs and videos: faces found, cropped, recognised, followed, shown."""
