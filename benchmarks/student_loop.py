"""A typical training loop of course projects, to compare with: single PIL images, a DataLoader, float32, Adam.

For a fair comparison it has the same network, batch size, loss and mirrored photos as colorlib, and nothing that slows it.
"""

from collections.abc import Iterator

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from colorlib.data.images import Images


class ColorPhotos(Dataset):
    """Array of photos that are converted to PIL images one by one, as in torchvision's CIFAR10."""

    def __init__(self, images: Images):
        self.rgb = images.rgb
        self.mirror = transforms.RandomHorizontalFlip()
        self.grayscale = transforms.Grayscale()
        self.to_tensor = transforms.ToTensor()

    def __len__(self) -> int:
        return len(self.rgb)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        photo = self.mirror(Image.fromarray(self.rgb[index].transpose(1, 2, 0)))
        return self.to_tensor(self.grayscale(photo)), self.to_tensor(photo)


def train(model: nn.Module, images: Images, num_epochs: int, batch_size: int = 64, workers: int = 0,
          device: str = "cpu") -> Iterator[float]:
    """Train, and yield the loss of each step."""
    loader = DataLoader(ColorPhotos(images), batch_size, shuffle=True, num_workers=workers, drop_last=True)
    model = model.to(device)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for _ in range(num_epochs):
        model.train()
        for gray, rgb in loader:
            gray, rgb = gray.to(device), rgb.to(device)
            optimizer.zero_grad()
            loss = criterion(model(gray), rgb)
            loss.backward()
            optimizer.step()
            yield loss.item()


@torch.no_grad()
def predict(model: nn.Module, images: Images, device: str = "cpu") -> Iterator[Tensor]:
    """Yield the predicted photos in their order: rgb (up to 64, 3, H, W) in [0, 1]."""
    model.eval()
    photos = ColorPhotos(images)
    photos.mirror = nn.Identity()
    for gray, _ in DataLoader(photos, 64):
        yield model(gray.to(device)).clamp(0, 1).cpu()
