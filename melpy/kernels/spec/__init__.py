"""The specification: what every fast kernel must compute, in plain NumPy, written to be read.

Read it in this order:

    conv_loops        convolution as nested loops: the definition
    windows           where windows lie; a view of all of them at once
    conv_im2col       convolution the paper's way: images to columns, one matrix product: what the
                      "im2col" kernels run, so what the Lab draws
    conv_windows      convolution over the view of windows: what the "numpy" kernels run
    depthwise         convolution of every channel by itself
    pooling_loops     pooling as nested loops, then
    pooling           pooling over the view of windows
    arithmetic        the sum of two arrays
    activation        y = act(x), and its gradient
    bias_activation   y = act(x + b), and its gradient from y alone
    normalization     of channels over a batch, of features of each sample
    cross_entropy     softmax and cross-entropy in one step
    philox            random numbers from counters
    noise             dropout, and noise from the normal distribution
    updates           one optimizer step, in place

The conventions of the room. An ndarray goes in, an ndarray comes out, in the same float type; no
classes, no state. No input is written into, but for the updates, which say so. g is dL/dy and
``f_d_x`` is the gradient of f for its input x. Images are NHWC; kernels are (kH,kW,C/groups,D), as
in Keras. The letters of shapes: N images, H and W rows and columns, oH and oW those of the output,
C channels, D output channels, K or kH and kW the window, G groups. A line that changes a shape
says so: ``# (N,H,W,C) -> (N,oH,oW,C)``. Batches of zero images work.
"""
